"""`kill -9` of a process whose clients are in the middle of their streams."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.durability.clients import client, create, ended, ids, joining, numbered, streaming
from tests.durability.load import Event, checked, events
from tests.durability.place import Place, servers
from tests.live import DEADLINE, until

pytestmark = pytest.mark.anyio
CLIENTS = 10
"""Clients of each kind."""
LEASE = "3"
STEPS = 60


@dataclass
class Attached:
    """A client that follows its run, and what it has seen."""

    run_id: str
    seen: list[Event] = field(default_factory=list)


async def attach(http: httpx.AsyncClient, url: str, body: dict[str, Any], attached: list[Attached]) -> None:
    """Follow a new run until its stream breaks off."""
    with pytest.raises(httpx.TransportError):
        async with http.stream("POST", f"{url}/runs/stream", json=body) as reply:
            attached.append(one := Attached(checked(reply).headers["content-location"].rpartition("/")[2]))
            async for event in events(reply):
                one.seen.append(event)


async def test_runs_of_clients_that_are_gone_are_cancelled_and_other_streams_go_on_elsewhere(place: Place) -> None:
    leaving: list[Attached] = []
    staying: list[Attached] = []
    with servers(place, "api", "api", "worker", LEASE_SECONDS=LEASE) as (edge, other, _):
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=DEADLINE, limits=limits) as http, asyncio.TaskGroup() as clients:
            for _ in range(CLIENTS):
                until_gone = place.tale(steps=1, pause=DEADLINE, on_disconnect="cancel")
                clients.create_task(attach(http, edge.url, until_gone, leaving))
                resumable = place.tale(steps=STEPS, pause=0.1, stream_resumable=True)
                clients.create_task(attach(http, edge.url, resumable, staying))
            while sum(len(each.seen) > 1 for each in (*leaving, *staying)) < 2 * CLIENTS:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            edge.process.kill()
            killed = time.time()
        with client(other) as there:
            for each in leaving:
                assert ended(there, each.run_id)["status"] == "interrupted"
                [cancelled] = place.notes(each.run_id, "cancelled")
                print(f"cancelled {cancelled.at - killed:.2f} s after the kill")
            for each in staying:
                with joining(there, each.run_id, each.seen[-1][2]) as rest:
                    each.seen += rest.rest()
                assert ids(each.seen) == numbered(STEPS + 1)
                assert ended(there, each.run_id)["attempts"] == 1


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
