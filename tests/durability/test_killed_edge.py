"""`kill -9` of a process whose clients are in the middle of their streams."""

from __future__ import annotations

import httpx
import pytest

from tests.durability.clients import client, create, ended, ids, joining, numbered, streaming
from tests.durability.killed_edge import LEASE, STEPS, kill_of_the_edge
from tests.durability.place import Place, servers
from tests.live import DEADLINE, until


@pytest.mark.anyio
async def test_runs_of_clients_that_are_gone_are_cancelled_and_other_streams_go_on_elsewhere(place: Place) -> None:
    await kill_of_the_edge(place, 10)


def test_a_run_that_was_where_its_client_was_is_cancelled_though_it_may_have_begun_again(place: Place) -> None:
    body = place.tale(steps=1, pause=DEADLINE, on_disconnect="cancel")
    with servers(place, "all", "all", LEASE_SECONDS=LEASE) as (one, other), client(other) as there:
        with client(one) as here, streaming(here, body) as (run_id, stream):
            stream.some(1)
            until(lambda: place.notes(run_id, "started"))
            one.process.kill()
            stream.broken()
        assert ended(there, run_id)["status"] == "interrupted"
        again = [note for note in place.notes(run_id, "started") if note.pid == other.process.pid]
        until(lambda: len(place.notes(run_id, "cancelled")) == len(again))


def test_a_client_that_comes_back_in_time_keeps_its_run(place: Place) -> None:
    body = place.tale(steps=STEPS, pause=0.1, on_disconnect="cancel", stream_resumable=True)
    with servers(place, "api", "api", "worker", LEASE_SECONDS=LEASE) as (edge, other, _), client(other) as there:
        with client(edge) as here, streaming(here, body) as (run_id, stream):
            stream.some(2)
            edge.process.kill()
            seen = stream.broken()
        with joining(there, run_id, seen[-1][2]) as rest:
            seen += rest.rest()
        assert ids(seen) == numbered(STEPS + 1)
        assert ended(there, run_id)["status"] == "success"


def test_a_wait_that_is_gone_cancels_its_run(place: Place) -> None:
    body = place.tale(steps=1, pause=DEADLINE, on_disconnect="cancel")
    with servers(place, "api", "api", "worker", LEASE_SECONDS=LEASE) as (edge, other, _), client(other) as there:
        with client(edge) as here, here.stream("POST", "/runs/wait", json=body) as reply:
            run_id = reply.headers["location"].split("/")[-2]
            until(lambda: place.notes(run_id, "started"))
            edge.process.kill()
            with pytest.raises(httpx.TransportError):
                reply.read()
        assert ended(there, run_id)["status"] == "interrupted"


def test_a_joined_client_that_is_gone_cancels_the_run_if_it_asked_for_that(place: Place) -> None:
    with servers(place, "api", "api", "worker", LEASE_SECONDS=LEASE) as (edge, other, _), client(other) as there:
        run_id = create(there, place.tale(steps=1, pause=DEADLINE))
        until(lambda: place.notes(run_id, "started"))
        joined = f"/runs/{run_id}/stream?cancel_on_disconnect=true"
        with client(edge) as here, here.stream("GET", joined) as reply:
            assert reply.status_code == 200
            edge.process.kill()
            with pytest.raises(httpx.TransportError):
                reply.read()
        assert ended(there, run_id)["status"] == "interrupted"
