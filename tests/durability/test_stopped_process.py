"""A process that is stopped for longer than its leases, as one whose machine was suspended or swaps."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.cli.processes import Serving
from tests.durability.clients import client, create, ended, get, ids, joining, numbered, streaming
from tests.durability.place import Place
from tests.live import until

LEASE = "3"
STEPS = 50


@contextmanager
def two_servers(place: Place) -> Iterator[tuple[Serving, httpx.Client, Serving, httpx.Client]]:
    """Two servers on one store, and a client of each."""
    with (
        place.serve(LEASE_SECONDS=LEASE) as one,
        place.serve(LEASE_SECONDS=LEASE) as other,
        client(one) as first,
        client(other) as second,
    ):
        yield one, first, other, second


def test_its_runs_are_taken_over_and_it_changes_nothing_about_them_when_it_goes_on(place: Place) -> None:
    body = place.tale(steps=STEPS, pause=0.1, stream_resumable=True)
    with two_servers(place) as (one, first, other, second):
        run_id = create(first, body)
        # A node may start before the first event is in the file; the test asks for both.
        until(lambda: place.notes(run_id, "started") and place.rows("SELECT 1 FROM events"))
        one.process.send_signal(signal.SIGSTOP)
        until(lambda: get(second, run_id)["attempts"] == 2)
        until(lambda: len(place.notes(run_id, "started")) == 2)
        one.process.send_signal(signal.SIGCONT)
        # Its own attempt is stopped: its node gets the cancellation.
        cancelled = until(lambda: place.notes(run_id, "cancelled"))
        assert [note.pid for note in cancelled] == [one.process.pid]
        run = ended(second, run_id)
        assert (run["status"], run["attempts"]) == ("success", 2)
        assert get(first, run_id)["ended_at"] == run["ended_at"]
        assert [note.pid for note in place.notes(run_id, "ended")] == [other.process.pid]
        for http in (first, second):
            with joining(http, run_id, "-1") as stream:
                events = stream.rest()
            assert ids(events) == numbered(len(events))
            assert [data["attempt"] for name, data, _ in events if name == "metadata"] == [1, 2]
            assert [data["step"] for _, data, _ in events[-STEPS:]] == list(range(STEPS))


def test_a_stream_of_a_stopped_process_breaks_and_goes_on_elsewhere(place: Place) -> None:
    body = place.tale(steps=STEPS, pause=0.1, stream_resumable=True)
    with two_servers(place) as (one, first, _, second), streaming(first, body) as (run_id, stream):
        stream.some(4)
        one.process.send_signal(signal.SIGSTOP)
        until(lambda: len(place.notes(run_id, "started")) == 2)
        one.process.send_signal(signal.SIGCONT)
        seen = list(stream.broken())
        with joining(second, run_id, seen[-1][2]) as rest:
            seen += rest.rest()
        with joining(second, run_id, "-1") as replay:
            assert replay.rest() == seen
    assert ids(seen) == numbered(len(seen))


def test_a_single_process_that_was_stopped_ends_its_runs_once(place: Place) -> None:
    """No other process can take its runs over: it goes on with them, though their leases have ended."""
    with place.serve(LEASE_SECONDS=LEASE) as server, client(server) as http:
        runs = [create(http, place.tale(steps=30, pause=0.1, stream_resumable=True)) for _ in range(5)]
        until(lambda: len(place.notes(what="started")) == 5)
        server.process.send_signal(signal.SIGSTOP)
        until(lambda: place.rows("SELECT max(lease) FROM runs")[0][0] + 0.3 < time.time())
        server.process.send_signal(signal.SIGCONT)
        for run_id in runs:
            run = ended(http, run_id)
            assert (run["status"], run["attempts"]) == ("success", 1)
            assert len(place.notes(run_id, "started")) == len(place.notes(run_id, "ended")) == 1
            with joining(http, run_id, "-1") as stream:
                events = stream.rest()
            assert ids(events) == numbered(len(events))
            assert [data["step"] for _, data, _ in events[-30:]] == list(range(30))
        assert not [line for line in server.lines() if line["level"] in ("error", "critical")]
