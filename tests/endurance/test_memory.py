"""Memory stays within bounds, whatever runs write and however slowly they are read (tracemalloc: all threads)."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Iterator

import httpx
import pytest

from tests.live import LiveServer, serving, sse, until
from tests.web.calls import create, ended, wait
from tests.web.sockets import KB, MB, SlowReader

BUFFER = 2 * MB


@pytest.fixture(autouse=True)
def traced() -> Iterator[None]:
    """Count allocations from now on."""
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.fixture
def small() -> Iterator[tuple[LiveServer, httpx.Client]]:
    """A server with a small event buffer, warmed up, and a client."""
    with serving(event_buffer_bytes=BUFFER) as live, live.client() as http:
        wait(http, "simple", {"foo": 1})
        wait(http, "laps", {"count": 1, "size": 1}, stream_mode="updates")
        tracemalloc.reset_peak()
        yield live, http


Small = tuple[LiveServer, httpx.Client]


def test_the_events_of_a_background_run_are_not_kept(small: Small) -> None:
    """It has no follower and is not resumable: 20 MB of events pass through."""
    _, http = small
    before = tracemalloc.get_traced_memory()[0]
    run = create(http, "pouring", {"count": 20_000, "size": KB}, stream_mode="custom")
    assert ended(http, run["run_id"])["status"] == "success"
    now, peak = tracemalloc.get_traced_memory()
    assert peak - before < 16 * MB
    assert now - before < 2 * MB


def test_a_slow_reader_holds_its_own_run_up_and_no_other(small: Small) -> None:
    """100 MB of events for a client that does not read; in the end it gets them all."""
    live, http = small
    before = tracemalloc.get_traced_memory()[0]
    body = {"assistant_id": "laps", "input": {"count": 400, "size": 256 * KB}, "stream_mode": "updates"}
    reader = SlowReader(live.url, body)
    for number in range(20):
        assert wait(http, "simple", {"foo": number})["foo"] == number
    peak = tracemalloc.get_traced_memory()[1] - before
    content = reader.read()
    assert len(content) > 100 * MB
    assert content.count(b"event: updates\r\n") == 400
    assert peak < 10 * BUFFER


def test_what_a_resumable_run_keeps_takes_about_its_size(small: Small) -> None:
    """The buffer's limit is for bytes of events; the memory that they take must not be many times that."""
    _, http = small
    before = tracemalloc.get_traced_memory()[0]
    given = {"count": 12_000, "size": 200}
    run = create(http, "pouring", given, stream_mode="custom", stream_resumable=True)
    ended(http, run["run_id"])
    replay = sse(http.get(f"/runs/{run['run_id']}/stream", headers={"last-event-id": "-1"}).content)
    kept = sum(len(data) for _, data, _ in replay)
    del replay
    assert BUFFER / 4 < kept <= BUFFER
    assert tracemalloc.get_traced_memory()[0] - before < 6 * BUFFER


def held() -> int:
    """Bytes in use; LangGraph leaves cycles behind each run, which the collector takes in its own time."""
    gc.collect()
    return tracemalloc.get_traced_memory()[0]


def test_outcomes_are_freed_when_they_expire() -> None:
    with serving(run_ttl=0.1) as live, live.client() as http:
        wait(http, "simple", {"foo": 1})
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            wait(http, "builder", {"foo": "x" * MB})
        until(lambda: held() - before < 5 * MB)


def test_outcomes_beyond_the_retention_size_are_freed() -> None:
    with serving(run_retention_bytes=2 * MB) as live, live.client() as http:
        wait(http, "simple", {"foo": 1})
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(20):
            wait(http, "builder", {"foo": "x" * MB})
        until(lambda: held() - before < 10 * MB)
