"""Triage a folder of e-mails on a server: a few at a time, one step by step, one in the background."""

import asyncio
import sys
from pathlib import Path

from treadle_client import AsyncTreadle, Outcome, Treadle, TreadleError, errors, events

ADVICE: dict[type[TreadleError], str] = {
    errors.AuthenticationError: "set TREADLE_API_KEY to a key of this server",
    errors.NotFoundError: "the server has no such assistant or run",
    errors.ConflictError: "the mail has changed since its first run",
    errors.UnprocessableEntityError: "correct the request, another attempt does not help",
    errors.ServiceUnavailableError: "the server is full or is being restarted, try again later",
    errors.APITimeoutError: "the server is silent",
    errors.APIConnectionError: "the server is not reached, or the connection was cut",
}


def explain(error: TreadleError) -> str:
    """The error, and the advice of the first class that fits."""
    return next((f"{error} ({advice})" for kind, advice in ADVICE.items() if isinstance(error, kind)), str(error))


def read(mail: Path) -> dict[str, str]:
    """The input of the graph."""
    return {"email": mail.read_text("utf-8")}


def show(mails: list[Path], outcome: Outcome) -> None:
    """Print the decision on standard output, and the progress on standard error."""
    print(mails[outcome.index].name, explain(outcome.error) if outcome.error else outcome.output["decision"], sep=": ")
    print(f"[{'#' * (outcome.index + 1):{len(mails)}}] {outcome.index + 1}/{len(mails)}", end="\r", file=sys.stderr)


def triage(client: Treadle, mails: list[Path], graph: str = "triage") -> None:
    """All mails, four at a time, with the decisions in the order of the mails."""
    for outcome in client.runs.map(graph, map(read, mails), concurrency=4, ordered=True):
        show(mails, outcome)


async def triage_async(client: AsyncTreadle, mails: list[Path], graph: str = "triage") -> None:
    """The same with coroutines."""
    async with client:
        async for outcome in client.runs.map(graph, map(read, mails), concurrency=4, ordered=True):
            show(mails, outcome)


def follow(client: Treadle, mail: Path) -> None:
    """One mail, step by step. The stream goes on by itself if its connection is cut."""
    with client.runs.stream("triage", input=read(mail), stream_mode=["custom", "updates"]) as stream:
        for event in stream:
            match event:
                case events.Custom(data={"stage": stage, "score": score}):
                    print(f"  {stage}: {score}")
                case events.Updates(data={"make_decision": {"reasons": [*_, reason]}}):
                    print(f"  because {reason}")
                case _:
                    pass


def in_background(client: Treadle, mail: Path) -> None:
    """One mail, whose run exists once, however often this program is started within a day."""
    run = client.runs.create("triage", input=read(mail), idempotency_key=mail.name)
    print(f"{mail.name}: {client.runs.join(run.run_id)['decision']}, run {run.run_id}")


if __name__ == "__main__":
    mails = sorted(Path(sys.argv[1]).glob("*.eml"))
    try:
        with Treadle() as client:  # TREADLE_URL and TREADLE_API_KEY name the server and the key
            triage(client, mails)
            follow(client, mails[0])
            in_background(client, mails[-1])
        asyncio.run(triage_async(AsyncTreadle(), mails))
    except TreadleError as error:
        sys.exit(explain(error))
