"""The program of `triage.py`, written with `langgraph_sdk`."""

import asyncio
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient

GRAPH = "triage"
ADVICE = {
    401: "set TREADLE_API_KEY to a key of this server",
    404: "the server has no such assistant or run",
    409: "the mail has changed since its first run",
    422: "correct the request, another attempt does not help",
    503: "the server is full or is being restarted, try again later",
}


def explain(error: Exception) -> str:
    """The error, with advice."""
    if isinstance(error, httpx.HTTPStatusError):
        status = error.response.status_code
        return f"{status}: {error.response.text} ({ADVICE.get(status)})"
    if isinstance(error, httpx.TimeoutException):
        return f"{error} (the server is silent)"
    if isinstance(error, httpx.TransportError):
        return f"{error} (the server is not reached, or the connection was cut)"
    return str(error)


def read(mail: Path) -> dict[str, Any]:
    """The input of the graph."""
    return {"email": mail.read_text("utf-8")}


def show(mails: list[Path], index: int, said: str) -> None:
    """Print the decision on standard output, and the progress on standard error."""
    print(f"{mails[index].name}: {said}")
    print(f"[{'#' * (index + 1):{len(mails)}}] {index + 1}/{len(mails)}", end="\r", file=sys.stderr)


def triage(client: SyncLangGraphClient, mails: list[Path]) -> None:
    """All mails, four at a time, with the decisions in the order of the mails."""

    def one(mail: Path) -> str:
        try:
            output: Any = client.runs.wait(None, GRAPH, input=read(mail))
            return str(output["decision"])
        except Exception as error:  # the SDK raises Exception itself if the graph failed
            return explain(error)

    with ThreadPoolExecutor(4) as pool:
        for index, said in enumerate(pool.map(one, mails)):
            show(mails, index, said)


async def triage_async(client: LangGraphClient, mails: list[Path]) -> None:
    """The same with coroutines."""
    limit = asyncio.Semaphore(4)

    async def one(mail: Path) -> str:
        async with limit:
            try:
                output: Any = await client.runs.wait(None, GRAPH, input=read(mail))
                return str(output["decision"])
            except Exception as error:
                return explain(error)

    async with client:
        tasks = [asyncio.create_task(one(mail)) for mail in mails]
        for index, task in enumerate(tasks):
            show(mails, index, await task)


def follow(client: SyncLangGraphClient, mail: Path) -> None:
    """One mail, step by step. The stream goes on by itself if its connection is cut."""
    modes: Any = ["custom", "updates"]
    for part in client.runs.stream(None, GRAPH, input=read(mail), stream_mode=modes, stream_resumable=True):
        if part.event == "custom":
            print(f"  {part.data['stage']}: {part.data['score']}")
        elif part.event == "updates" and "make_decision" in part.data:
            print(f"  because {part.data['make_decision']['reasons'][-1]}")
        elif part.event == "error":
            raise RuntimeError(f"{part.data['error']}: {part.data['message']}")


def in_background(client: SyncLangGraphClient, mail: Path) -> None:
    """One mail, whose run exists once, however often this program is started within a day."""
    run = client.runs.create(None, GRAPH, input=read(mail), headers={"Idempotency-Key": f"sdk {mail.name}"})
    output = client.runs.join(run["thread_id"], run["run_id"])
    if "__error__" in output:
        raise RuntimeError(f"{output['__error__']['error']}: {output['__error__']['message']}")
    print(f"{mail.name}: {output['decision']}, run {run['run_id']}")


if __name__ == "__main__":
    mails = sorted(Path(sys.argv[1]).glob("*.eml"))
    url, key = os.environ["TREADLE_URL"], os.environ.get("TREADLE_API_KEY")
    try:
        with get_sync_client(url=url, api_key=key) as client:
            triage(client, mails)
            follow(client, mails[0])
            in_background(client, mails[-1])
        asyncio.run(triage_async(get_client(url=url, api_key=key), mails))
    except (httpx.HTTPError, RuntimeError) as error:
        sys.exit(explain(error))
