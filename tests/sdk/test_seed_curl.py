"""The curl requests of the same documents, placeholders filled in, without the `jq` filter."""

from __future__ import annotations

import json
import shutil
import subprocess

import httpx
import pytest

from tests.live import DEADLINE, LiveServer, sse

GREETING = "Hello! My name is Bagatur and I am 26 years old."
HEADER = "Content-Type: application/json"


def post(url: str, *headers: str, data: str) -> bytes:
    """The output of `curl --request POST`; without curl, the answer to the same bytes through httpx."""
    if shutil.which("curl"):
        options = [part for header in headers for part in ("--header", header)]
        command = ["curl", "--silent", "--show-error", "--request", "POST", "--url", url, *options, "--data", data]
        return subprocess.run(command, capture_output=True, check=True, timeout=DEADLINE).stdout
    fields = dict(header.split(": ", 1) for header in headers)
    return httpx.post(url, headers=fields, content=data.encode(), timeout=DEADLINE).content


@pytest.mark.shows("stream_run", "stream_mode")
def test_streaming_updates_as_a_list(examples: LiveServer) -> None:
    data = (
        '{ "assistant_id": "agent", "input": {"messages": [{"role": "human", "content": '
        f'"{GREETING}"' + '}]}, "stream_mode": [ "updates" ] }'
    )
    metadata, update = sse(post(f"{examples.url}/runs/stream", HEADER, data=data))
    assert metadata[0] == "metadata"
    assert update[0] == "updates"
    assert update[1]["agent"]["messages"][0]["content"].startswith("Hello Bagatur!")


@pytest.mark.parametrize("key", [(), ("x-api-key: any-key",)], ids=["no key", "a key"])
def test_streaming_updates_as_a_string(examples: LiveServer, key: tuple[str, ...]) -> None:
    data = """{
      "assistant_id": "agent",
      "input": {"messages": [{"role": "user", "content": "Hello!"}]},
      "stream_mode": "updates"
    }"""
    events = sse(post(f"{examples.url}/runs/stream", HEADER, *key, data=data))
    assert [name for name, _, _ in events] == ["metadata", "updates"]


def test_waiting(examples: LiveServer) -> None:
    data = json.dumps({"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": GREETING}]}})
    outcome = json.loads(post(f"{examples.url}/runs/wait", HEADER, data=data))
    assert outcome["messages"][-1]["content"].startswith("Hello Bagatur!")


def test_waiting_without_input(examples: LiveServer) -> None:
    """The document's own body: `{ "assistant_id": … }` and nothing else."""
    outcome = json.loads(post(f"{examples.url}/runs/wait", HEADER, data='{ "assistant_id": "agent" }'))
    assert outcome["__error__"]["error"] == "EmptyInputError"


@pytest.mark.shows("create_run", "input 200")
@pytest.mark.shows("join_run", "200")
def test_creating_in_the_background(examples: LiveServer) -> None:
    data = json.dumps({"assistant_id": "agent", "input": {"messages": [{"role": "user", "content": GREETING}]}})
    run = json.loads(post(f"{examples.url}/runs", HEADER, data=data))
    assert run["status"] == "pending"
    outcome = httpx.get(f"{examples.url}/runs/{run['run_id']}/join", timeout=DEADLINE).json()
    assert outcome["messages"][-1]["type"] == "ai"
