"""SIGTERM: runs under way end or go back to the store, and clients see which of the two happened."""

from __future__ import annotations

import signal
from contextlib import ExitStack

import httpx
import pytest

from tests.durability.clients import client, create, ended, get, ids, joining, numbered, streaming
from tests.durability.place import Place
from tests.live import DEADLINE, until


def refused(http: httpx.Client) -> bool:
    """Whether the server has said that it is shutting down."""
    return http.get("/ok").status_code == 503


def test_new_runs_are_refused_while_old_ones_end(place: Place) -> None:
    with place.serve(BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS=str(DEADLINE)) as server, client(server) as http:
        with streaming(http, place.tale(steps=20, pause=0.1, stream_resumable=True)) as (run_id, stream):
            stream.some(3)
            server.process.send_signal(signal.SIGTERM)
            until(lambda: refused(http))
            for path, body in (
                ("/runs", place.tale()),
                ("/runs/wait", place.tale()),
                ("/runs/stream", place.tale()),
                ("/runs/batch", [place.tale()]),
            ):
                reply = http.post(path, json=body)
                assert (reply.status_code, bool(reply.headers["retry-after"])) == (503, True), path
            assert get(http, run_id)["status"] == "running"
            # This one had the time that it needs: its stream has a proper end.
            assert ids(stream.rest()) == numbered(21)
        assert server.process.wait(DEADLINE) in (0, -signal.SIGTERM)
    assert place.rows("SELECT status, attempt FROM runs") == [("success", 1)]


def test_what_is_unfinished_at_the_end_goes_on_in_the_next_process_as_its_first_attempt(place: Place) -> None:
    long = place.tale(steps=20, pause=0.1)
    with ExitStack() as open_streams, place.serve(BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="0.5") as server:
        http = open_streams.enter_context(client(server))
        run_id, stream = open_streams.enter_context(streaming(http, {**long, "stream_resumable": True}))
        others = [create(http, long) for _ in range(20)]
        plain_id, plain = open_streams.enter_context(streaming(http, long))
        join = open_streams.enter_context(http.stream("GET", f"/runs/{others[0]}/join"))
        wait = open_streams.enter_context(http.stream("POST", "/runs/wait", json=long))
        until(lambda: len(place.notes(what="started")) == 23)
        server.process.send_signal(signal.SIGTERM)
        seen = list(stream.broken())
        plain.broken()
        for reply in (join, wait):
            with pytest.raises(httpx.TransportError):
                reply.read()
        assert server.process.wait(DEADLINE) in (0, -signal.SIGTERM)
    assert set(place.rows("SELECT status, attempt FROM runs")) == {("pending", 0)}
    with place.serve() as server, client(server) as http:
        with joining(http, run_id, seen[-1][2]) as rest:
            seen += rest.rest()
        with joining(http, run_id, "-1") as replay:
            assert replay.rest() == seen
        for each in (run_id, plain_id, *others):
            run = ended(http, each)
            assert (run["status"], run["attempts"]) == ("success", 1)
    assert ids(seen) == numbered(len(seen))
    assert [step["step"] for _, step, _ in seen[-20:]] == list(range(20))


def test_a_delayed_run_is_not_started_while_the_server_shuts_down(place: Place) -> None:
    with place.serve(BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS=str(DEADLINE)) as server, client(server) as http:
        delayed = create(http, place.tale(after_seconds=3))
        under_way = create(http, place.tale(steps=1, pause=4.5))
        until(lambda: place.notes(under_way, "started"))
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(DEADLINE) in (0, -signal.SIGTERM)
    assert place.notes(under_way, "ended")
    assert place.rows("SELECT status, attempt FROM runs WHERE run_id = ?", delayed) == [("pending", 0)]


def test_streams_of_runs_in_another_process_break_as_well(place: Place) -> None:
    """A client of a server that leaves has to follow the run through another server."""
    with place.serve() as stays, client(stays) as there:
        run_id = create(there, place.tale(steps=3000, pause=0.1, stream_resumable=True))
        until(lambda: place.notes(run_id, "started"))
        with place.serve(BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="0.3") as leaves, client(leaves) as here:
            with joining(here, run_id, "-1") as stream:
                stream.some(2)
                leaves.process.send_signal(signal.SIGTERM)
                seen = list(stream.broken())
            assert leaves.process.wait(DEADLINE) in (0, -signal.SIGTERM)
            assert get(there, run_id)["status"] == "running"  # so its streams did not keep the server up
        with joining(there, run_id, seen[-1][2]) as rest:
            seen += rest.some(3)
    assert ids(seen) == numbered(len(seen))
