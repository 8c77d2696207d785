"""The generated client, over a transport that answers from memory."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any
from uuid import UUID

import httpx
import pytest

from treadle_client import Client, streams
from treadle_client.api.stateless_runs import create_run, get_run, wait_run
from treadle_client.bodies import CreateRunBody, StreamRunBody, WaitRunBody
from treadle_client.models import Command, ErrorResponse, Run, RunDetail, Send
from treadle_client.types import UNSET

RUN_ID = "01a1fbfa-f076-71e2-846d-8bfe389bea95"
RUN = {
    "run_id": RUN_ID,
    "thread_id": RUN_ID,
    "assistant_id": RUN_ID,
    "metadata": {"a": {"b": 1}},
    "status": "pending",
    "kwargs": {},
    "multitask_strategy": "enqueue",
    "created_at": "2026-11-21T02:41:29.207609+00:00",
    "updated_at": "2026-11-21T02:41:29.207609+00:00",
    "langsmith_session_name": None,
}
DETAIL = RUN | {
    "values": {"x": 1},
    "error": None,
    "interrupts": [{"value": "why?", "id": "1", "response_schema": None}],
    "webhook_deliveries": [],
    "feedback": [
        {
            "key": "helpful",
            "url": "http://test/link",
            "entries": [{"score": True, "value": None, "comment": "yes", "created_at": "2026-11-21T02:41:29+00:00"}],
        }
    ],
    "started_at": "2026-11-21T02:41:29Z",
    "ended_at": None,
    "expires_at": None,
    "queued_ms": 1,
    "first_event_ms": None,
    "graph_ms": None,
    "attempts": 1,
}
EVENTS = (
    ': heartbeat\r\n\r\nevent: metadata\r\ndata: {"run_id":"' + RUN_ID + '","attempt":1}\r\nid: 1\r\n\r\n'
    'event: values\r\ndata: {"text":"a\u2028b"}\r\nid: 2\r\n\r\n'
    "event: custom\r\ndata: null\r\n\r\n"
    "event: custom\r\ndata:\r\n\r\n"
).encode()


class Pieces(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The bytes of a stream, seven at a time."""

    def __iter__(self) -> Iterator[bytes]:
        yield from (EVENTS[start : start + 7] for start in range(0, len(EVENTS), 7))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece


def client(seen: list[httpx.Request] | None = None) -> Client:
    """A client whose server answers from memory."""

    def answer(request: httpx.Request) -> httpx.Response:
        if seen is not None:
            seen.append(request)
        body = json.loads(request.content) if request.content else {}
        if body.get("assistant_id") == "unknown":
            return httpx.Response(422, json={"detail": "Invalid assistant: 'unknown'"})
        if request.url.path.endswith("/stream"):
            headers = {"content-type": "text/event-stream; charset=utf-8", "content-location": f"/runs/{RUN_ID}"}
            return httpx.Response(200, headers=headers, stream=Pieces())
        if request.url.path == "/runs/wait":
            return httpx.Response(200, content=b"\n\n" + json.dumps({"echo": body}).encode())
        return httpx.Response(200, json=RUN if request.method == "POST" else DETAIL)

    transport = httpx.MockTransport(answer)
    made = Client(base_url="http://treadle")
    made.set_httpx_client(httpx.Client(base_url="http://treadle", transport=transport))
    made.set_async_httpx_client(httpx.AsyncClient(base_url="http://treadle", transport=transport))
    return made


EXPECTED = [
    streams.Event("metadata", {"run_id": RUN_ID, "attempt": 1}, "1"),
    streams.Event("values", {"text": "a\u2028b"}, "2"),
    # An event without an id leaves the last one in force, as the standard has it.
    streams.Event("custom", None, "2"),
    streams.Event("custom", None, "2"),
]


def test_a_stream_is_read_event_by_event() -> None:
    seen: list[httpx.Request] = []
    with streams.stream_run.sync(client(seen), body=StreamRunBody(assistant_id="agent", input_={"a": 1})) as events:
        assert events.run_id == RUN_ID
        assert list(events) == EXPECTED
    assert seen[0].headers["accept"] == "text/event-stream"
    assert json.loads(seen[0].content) == {"assistant_id": "agent", "input": {"a": 1}}
    assert seen[0].extensions["timeout"]["read"] is None


def test_a_stream_is_read_event_by_event_asynchronously() -> None:
    seen: list[httpx.Request] = []

    async def read() -> list[streams.Event]:
        joined = streams.join_run_stream.asyncio(client(seen), UUID(RUN_ID), last_event_id="2", stream_mode=["values"])
        async with joined as events:
            assert events.run_id == RUN_ID
            return [event async for event in events]

    assert asyncio.run(read()) == EXPECTED
    assert seen[0].headers["last-event-id"] == "2"
    assert seen[0].url.params.multi_items() == [("stream_mode", "values")]


def test_a_refused_stream_raises_with_status_and_detail() -> None:
    body = StreamRunBody(assistant_id="unknown")
    with (
        pytest.raises(streams.StreamError, match="422: Invalid assistant: 'unknown'") as caught,
        streams.stream_run.sync(client(), body=body),
    ):
        pass
    assert (caught.value.status_code, caught.value.detail) == (422, "Invalid assistant: 'unknown'")

    async def read() -> None:
        async with streams.stream_run.asyncio(client(), body=body):
            pass

    with pytest.raises(streams.StreamError):
        asyncio.run(read())


def test_answers_are_typed() -> None:
    run = create_run.sync(client=client(), body=CreateRunBody(assistant_id="agent"))
    assert isinstance(run, Run)
    assert (run.run_id, run.status, run.metadata) == (UUID(RUN_ID), "pending", {"a": {"b": 1}})
    detail = asyncio.run(get_run.asyncio(UUID(RUN_ID), client=client()))
    assert isinstance(detail, RunDetail)
    assert detail.started_at is not None
    assert (detail.values, detail.error, detail.interrupts[0].value, detail.attempts) == ({"x": 1}, None, "why?", 1)
    assert [(each.key, each.entries[0].score) for each in detail.feedback] == [("helpful", True)]
    refused = create_run.sync(client=client(), body=CreateRunBody(assistant_id="unknown"))
    assert isinstance(refused, ErrorResponse)
    assert refused.detail == "Invalid assistant: 'unknown'"


def test_only_what_was_given_is_sent() -> None:
    """The server sets the defaults: a default in a PATCH would overwrite a value that the caller leaves alone."""
    assert WaitRunBody(assistant_id="agent").to_dict() == {"assistant_id": "agent"}
    assert WaitRunBody(assistant_id="agent").stream_mode is UNSET


@pytest.mark.parametrize(
    "field",
    [
        {"input_": {"messages": [{"role": "user"}], "n": 2**60 + 1}},
        {"input_": None},
        {"metadata": {"a": {"b": None}}, "context": {"user": 1}},
        {"command": Command(update={"a": 1}, goto=["a", "b"])},
        {"command": Command(goto=[Send(node="n", input_={"x": [1]}), "b"])},
        {"stream_mode": ["values", "custom"]},
        {"stream_mode": "updates"},
        {"after_seconds": 5},
        {"feedback_keys": ["good"]},
    ],
    ids=" ".join,
)
def test_plain_data_goes_through_a_body_unchanged(field: dict[str, Any]) -> None:
    body = WaitRunBody(assistant_id="6BA7B810-9DAD-11D1-80B4-00C04FD430C8", **field)
    sent = body.to_dict()
    answer = wait_run.sync(client=client(), body=body)
    assert answer == {"echo": json.loads(json.dumps(sent))}
    assert WaitRunBody.from_dict(sent).to_dict() == sent
    assert sent["assistant_id"] == "6BA7B810-9DAD-11D1-80B4-00C04FD430C8"


def test_the_client_needs_nothing_of_the_server() -> None:
    program = (
        "import sys, treadle_client, treadle_client.streams, treadle_client.bodies\n"
        "from treadle_client.api.stateless_runs import create_run\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert {"httpx", "httpx_sse", "attr"} <= loaded
    assert not loaded & {"treadle", "treadle_api", "pydantic", "starlette", "langgraph", "codegen", "dateutil"}
