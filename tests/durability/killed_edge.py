"""`kill -9` of a process that has the clients of runs which other processes execute."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from tests.durability.clients import client, ended, ids, joining, numbered
from tests.durability.load import Event, checked, events
from tests.durability.place import Place, servers
from tests.live import DEADLINE

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


async def kill_of_the_edge(place: Place, number: int) -> None:
    """Kill it under so many clients whose leaving cancels their runs, and as many that go on at another process."""
    leaving: list[Attached] = []
    staying: list[Attached] = []
    with servers(place, "api", "api", "worker", LEASE_SECONDS=LEASE) as (edge, other, _):
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(timeout=DEADLINE, limits=limits) as http, asyncio.TaskGroup() as clients:
            for _ in range(number):
                until_gone = place.tale(steps=1, pause=DEADLINE, on_disconnect="cancel")
                clients.create_task(attach(http, edge.url, until_gone, leaving))
                resumable = place.tale(steps=STEPS, pause=0.1, stream_resumable=True)
                clients.create_task(attach(http, edge.url, resumable, staying))
            while sum(len(each.seen) > 1 for each in (*leaving, *staying)) < 2 * number:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            edge.process.kill()
            killed = time.time()
        took: list[float] = []
        with client(other) as there:
            for each in leaving:
                assert ended(there, each.run_id)["status"] == "interrupted"
                took += [note.at - killed for note in place.notes(each.run_id, "cancelled")]
            assert len(took) == number
            print(f"{number} runs cancelled, the last {max(took):.2f} s after the kill of their clients' process")
            for each in staying:
                with joining(there, each.run_id, each.seen[-1][2]) as rest:
                    each.seen += rest.rest()
                assert ids(each.seen) == numbered(STEPS + 1)
                assert ended(there, each.run_id)["attempts"] == 1
