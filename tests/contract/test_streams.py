"""Our reading of streams accepts the server's streams, and finds each planted bug."""

from __future__ import annotations

import httpx
import pytest

from tests.contract import planted_runs as planted
from tests.contract.exchange import Bug, Exchange
from treadle.conformance import streams
from treadle.conformance.answers import run_of

BODY = {"assistant_id": "simple", "input": {"foo": "x"}, "stream_mode": ["values", "updates"], "stream_resumable": True}


@pytest.fixture
def exchange(http: httpx.Client) -> Exchange:
    """A stream as the server sends it."""
    response = http.post("/runs/stream", json=BODY)
    headers = {name.lower(): value for name, value in response.headers.raw}
    return Exchange("POST", "/runs/stream", response.status_code, headers, response.content)


def judge(sent: Exchange) -> None:
    """Judge as checks.stream_is_well_formed does."""
    run_id = run_of(sent.headers[b"content-location"].decode())
    streams.verify(streams.read(sent.body), run_id=run_id, from_start=True, resumable=True)


def test_a_stream_of_the_server_is_well_formed(exchange: Exchange) -> None:
    judge(exchange)
    ids = [event.id for event in streams.read(exchange.body)]
    assert ids == [str(position) for position in range(1, len(ids) + 1)]


@pytest.mark.parametrize(
    "bug",
    [
        planted.no_metadata,
        planted.metadata_of_another_run,
        planted.ids_out_of_order,
        planted.bare_newlines,
        planted.data_not_json,
    ],
)
def test_a_planted_bug_is_seen(exchange: Exchange, bug: Bug) -> None:
    spoiled = bug(exchange)
    assert spoiled != exchange
    with pytest.raises(AssertionError):
        judge(spoiled)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b'event: values\r\ndata: {}\r\n\r\nevent: values\r\ndata: {"a"', "inside an event"),
        (b"data: {}\r\nevent: values\r\n\r\n", "has the fields"),
        (b"event: values\r\ndata: {}\r\nretry: 5\r\n\r\n", "has the fields"),
        (b"event: values\r\ndata: {}\r\ndata: {}\r\n\r\n", "has the fields"),
        (b"event: values\r\ndata: {}\r\nid: x1\r\n\r\n", "has the id"),
        (b"event: \r\ndata: {}\r\n\r\n", "has no name"),
        (b"event: values\r\ndata: \xff\r\n\r\n", "not UTF-8"),
        (b"event: values\r\ndata: {}\r\r\n\r\n", "CRLF"),
    ],
)
def test_broken_frames_are_told_apart(content: bytes, fault: str) -> None:
    with pytest.raises(AssertionError, match=fault):
        streams.read(content)


def test_comments_are_no_events() -> None:
    assert streams.read(b": heartbeat\r\n\r\nevent: values\r\ndata: 1\r\n\r\n") == [streams.Event("values", 1, None)]


def test_the_order_of_events_is_held() -> None:
    first, error = streams.Event("metadata", {"run_id": "r"}, "1"), streams.Event("error", {}, "2")
    last = streams.Event("values", {}, "3")
    streams.verify([first, last], run_id="r", from_start=True, resumable=True)
    streams.verify([], run_id="r", from_start=False, resumable=None)
    for events, from_start, resumable in (
        ([first, error, last], True, True),
        ([first, streams.Event("values", {}, None)], True, None),
        ([first, last], True, False),
        ([last, first], False, None),
        ([], True, None),
    ):
        with pytest.raises(AssertionError):
            streams.verify(events, run_id="r", from_start=from_start, resumable=resumable)
