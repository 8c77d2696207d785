"""The Python of the documents that Treadle was made for, word for word, against the examples."""

from __future__ import annotations

from ast import literal_eval
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client

from tests.live import DEADLINE, LiveServer

pytestmark = pytest.mark.anyio
GREETING = "Hello! My name is Bagatur and I am 26 years old."


async def test_stateless_streaming(examples: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    client = get_client(url=examples.url)
    # Using the graph deployed with the name "agent"
    assistant_id = "agent"

    input = {
        "messages": [
            {"role": "user", "content": "Hello! My name is Bagatur and I am 26 years old."}
        ]
    }  # fmt: skip

    async for chunk in client.runs.stream(
        # Don't pass in a thread_id and the stream will be stateless
        None,
        assistant_id,
        input=input,  # type: ignore[arg-type]
        stream_mode="updates",
    ):
        if chunk.data and "run_id" not in chunk.data:
            print(chunk.data)

    await client.aclose()
    [line] = capsys.readouterr().out.splitlines()
    update = literal_eval(line)
    [message] = update["agent"]["messages"]
    assert message["type"] == "ai"
    assert message["content"].startswith("Hello Bagatur!")


async def test_waiting_for_stateless_results(examples: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    client = get_client(url=examples.url)
    assistant_id = "agent"
    input = {"messages": [{"role": "user", "content": "Hello! My name is Bagatur and I am 26 years old."}]}

    stateless_run_result = await client.runs.wait(
        None,
        assistant_id,
        input=input,  # type: ignore[arg-type]
    )
    print(stateless_run_result)

    await client.aclose()
    result = literal_eval(capsys.readouterr().out)
    assert [message["type"] for message in result["messages"]] == ["human", "ai"]
    assert result["messages"][0]["content"] == GREETING


async def test_a_streaming_run_without_a_thread(examples: LiveServer, capsys: pytest.CaptureFixture[str]) -> None:
    assistant_id = "agent"
    inputs = {"messages": [{"role": "user", "content": GREETING}]}
    client = get_client(url=examples.url, api_key="any-key")

    async for chunk in client.runs.stream(
        # highlight-next-line
        None,  # (1)!
        assistant_id,
        input=inputs,  # type: ignore[arg-type]
        stream_mode="updates"
    ):  # fmt: skip
        print(chunk.data)

    await client.aclose()
    metadata, update = map(literal_eval, capsys.readouterr().out.splitlines())
    assert list(metadata) == ["run_id", "attempt"]
    assert list(update) == ["agent"]


EMAIL = """<email>
Subject: Q4 Budget Review
From: finance@company.com
Body: Please review the attached budget proposal...
</email>

Decide: should this become a new task, be added to an existing thread, or ignored?"""


def http_request(method: str, url: str, body: Any) -> httpx.Response:
    """The documents' helper of this name."""
    return httpx.request(method, url, json=body, timeout=DEADLINE)


def test_background_run(examples: LiveServer) -> None:
    response = http_request(
        method="POST",
        url=f"{examples.url}/runs",
        body={"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": "One-shot task here"}]}},
    )
    assert response.json()["run_id"]


@pytest.mark.parametrize("content", ["One-shot task here", EMAIL], ids=["one-shot", "triage"])
@pytest.mark.parametrize("extra", [{}, {"on_completion": "keep"}], ids=["delete", "keep"])
def test_waited_run(examples: LiveServer, content: str, extra: dict[str, str]) -> None:
    response = http_request(
        method="POST",
        url=f"{examples.url}/runs/wait",
        body={"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": content}]}, **extra},
    )
    assert [message["type"] for message in response.json()["messages"]] == ["human", "ai"]
