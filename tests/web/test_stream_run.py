"""`POST /runs/stream`: the bytes of the stream, its headers, its heartbeats and its errors."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic
from uuid import uuid4

import httpx
import pytest

from tests.graphs.graphs_under_test import released
from tests.live import serving
from tests.web.calls import accepted, create, detail, names, run_id_of, stream, until_seen

MODES = ["values", "updates", "messages", "messages-tuple", "tasks", "checkpoints", "events", "debug", "custom"]
BEAT, HEARTBEAT = b": heartbeat\r\n\r\n", 0.2
FRAMES = (
    'event: metadata\r\ndata: {{"run_id":"{run_id}","attempt":1}}\r\n{id1}\r\n'
    'event: values\r\ndata: {{"foo":"x","items":[]}}\r\n{id2}\r\n'
    'event: values\r\ndata: {{"foo":"x","items":["a"]}}\r\n{id3}\r\n'
    'event: values\r\ndata: {{"foo":"x","items":["a","b"]}}\r\n{id4}\r\n'
)


@pytest.mark.shows("stream_run", "input stream_resumable 200")
@pytest.mark.parametrize("resumable", [False, True])
def test_the_stream_byte_for_byte(http: httpx.Client, resumable: bool) -> None:
    """CRLF, `event`, one line of `data`, `id` only if resumable, counting from 1, and no closing event."""
    body = {"assistant_id": "simple", "input": {"foo": "x"}, "stream_resumable": resumable}
    response = accepted(http.post("/runs/stream", json=body))
    ids = {f"id{number}": f"id: {number}\r\n" if resumable else "" for number in (1, 2, 3, 4)}
    assert response.text == FRAMES.format(run_id=run_id_of(response), **ids)


def test_the_headers(http: httpx.Client) -> None:
    response = http.post("/runs/stream", json={"assistant_id": "simple", "input": {"foo": "x"}})
    headers = dict(response.headers)
    del headers["date"]
    headers.pop("vary", None)  # which is Starlette's business
    assert headers == {
        "server": "uvicorn",
        "content-type": "text/event-stream; charset=utf-8",
        "cache-control": "no-store",
        "connection": "keep-alive",
        "x-accel-buffering": "no",
        "content-location": f"/runs/{run_id_of(response)}",
        "location": f"/runs/{run_id_of(response)}/stream",
        "transfer-encoding": "chunked",
    }


def test_the_locations_resolve_after_the_end(http: httpx.Client) -> None:
    """The locations of the official server are dead links."""
    response = http.post("/runs/stream", json={"assistant_id": "simple", "input": {"foo": "x"}})
    assert http.get(response.headers["content-location"]).json()["run_id"] == run_id_of(response)
    assert http.get(response.headers["location"]).status_code == 200


@pytest.mark.parametrize("headers", [{"accept": "application/json"}, {"accept-encoding": "gzip"}], ids=str)
def test_neither_accept_nor_compression_changes_the_stream(http: httpx.Client, headers: dict[str, str]) -> None:
    response = http.post("/runs/stream", json={"assistant_id": "simple", "input": {"foo": 1}}, headers=headers)
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert "content-encoding" not in response.headers


def test_the_run_is_settled_when_its_stream_ends(http: httpx.Client) -> None:
    """Otherwise SDKs would reconnect after every stream."""
    for _ in range(10):
        response = http.post("/runs/stream", json={"assistant_id": "simple", "input": {"foo": 1}})
        assert detail(http, run_id_of(response))["status"] == "success"


# Errors


@pytest.mark.parametrize("mode", MODES)
def test_an_error_is_the_last_event_whatever_the_modes(http: httpx.Client, mode: str) -> None:
    events = stream(http, "failing", {"foo": "value"}, stream_mode=mode)
    assert events[0][0] == "metadata"
    assert events[-1][:2] == ("error", {"error": "ValueError", "message": "boom"})
    assert [name for name, _, _ in events].count("error") == 1


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ("own", "OwnError", "An internal error occurred"),
        ("surrogate", "ValueError", "lone ? surrogate"),
        ("exit", "SystemExit", "An internal error occurred"),
    ],
)
def test_errors_are_masked_and_never_lost(http: httpx.Client, given: str, error: str, message: str) -> None:
    assert stream(http, "failing", {"foo": given})[-1][:2] == ("error", {"error": error, "message": message})


def test_without_input_the_error_follows_metadata(http: httpx.Client) -> None:
    events = stream(http, "simple")
    assert names(events) == ["error"]
    assert events[1][1] == {"error": "EmptyInputError", "message": "Received no input for __start__"}


def test_a_timeout_is_an_error_event() -> None:
    with serving(run_timeout=2.0) as live, live.client() as http:
        events = stream(http, "slow", {"seconds": 60})
    assert [event[:2] for event in events[1:]] == [
        ("values", {"seconds": 60}),
        ("error", {"error": "TimeoutError", "message": ""}),
    ]


# Heartbeats


@pytest.fixture(scope="module")
def beating() -> Iterator[httpx.Client]:
    """A client of a server whose heart beats five times a second."""
    with serving(heartbeat=HEARTBEAT) as live, live.client() as client:
        yield client


def test_comments_come_by_the_clock_even_while_events_flow(beating: httpx.Client) -> None:
    """A fixed period from the start of the response, not a pause of silence."""
    given = {"count": 3000, "size": 1, "pause": HEARTBEAT / 10}
    body = {"assistant_id": "pouring", "input": given, "stream_mode": "custom", "on_disconnect": "cancel"}
    start = monotonic()
    with beating.stream("POST", "/runs/stream", json=body) as response:
        seen = until_seen(response.iter_bytes(), BEAT, 4)
    assert monotonic() - start > 3 * HEARTBEAT
    assert seen.count(b"event: custom") > 4


@pytest.mark.shows("stream_run", "after_seconds")
def test_headers_and_comments_come_before_the_run_starts(beating: httpx.Client) -> None:
    body = {"assistant_id": "simple", "input": {"foo": 1}, "after_seconds": 1.5}
    content = beating.post("/runs/stream", json=body).content
    assert content.startswith(BEAT * 2)
    assert content.replace(BEAT, b"").startswith(b"event: metadata\r\n")


def test_a_joined_stream_has_a_clock_of_its_own(beating: httpx.Client) -> None:
    name = str(uuid4())
    run_id = create(beating, "held", {"foo": name})["run_id"]
    with beating.stream("GET", f"/runs/{run_id}/stream") as response:
        parts = response.iter_bytes()
        until_seen(parts, BEAT, 2)
        released.add(name)
        assert b"".join(parts).endswith(b'"items":["released"]}\r\n\r\n')


def test_no_heartbeat_in_a_quick_run(http: httpx.Client) -> None:
    response = http.post("/runs/stream", json={"assistant_id": "simple", "input": {"foo": 1}})
    assert b"heartbeat" not in response.content
