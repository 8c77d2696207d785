"""How soon one process sees what another did: medians, 99th percentiles and maxima in milliseconds."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass

from tests.durability.place import Place, spread
from tests.endurance.speaking import speaking

GAP = 0.02
"""Seconds between two events, so that each is seen on its own."""


@dataclass(frozen=True)
class Latency:
    """A median, a 99th percentile and a maximum, in seconds."""

    what: str
    median: float
    p99: float
    longest: float

    def line(self) -> str:
        """For the terminal."""
        median, p99, longest = (value * 1000 for value in (self.median, self.p99, self.longest))
        return f"{self.what:16} median {median:6.1f} ms   p99 {p99:6.1f} ms   max {longest:6.1f} ms"


async def measure(place: Place, executing: str, other: str, count: int) -> list[Latency]:
    """`executing` runs everything; `other` is asked to make and cancel runs, and to stream events."""
    events = [late for _ in range(4) for late in await _events(place, executing, other, count // 4)]
    created = [await _create(place, other) for _ in range(count)]
    cancelled = [await _cancel(place, executing, other) for _ in range(count)]
    found = (("an event", events), ("a new run", created), ("a cancel", cancelled))
    return [Latency(what, *spread(values)) for what, values in found]


async def _events(place: Place, executing: str, other: str, count: int) -> list[float]:
    """From the node, which says when it wrote each event, to a client of the other process."""
    late: list[float] = []
    async with speaking(executing) as here, speaking(other) as there:
        body = place.tale(steps=count, pause=GAP, assistant_id="clock", stream_resumable=True)
        run = await here.json("POST", "/runs", body)
        head = await there.ask("GET", f"/runs/{run['run_id']}/stream")
        assert head.status == 200
        async for part in there.parts():
            now = time.time()
            late += [
                now - json.loads(line[6:])["at"] for line in part.split(b"\r\n") if line.startswith(b'data: {"at"')
            ]
    assert len(late) > count * 0.9
    return late


async def _create(place: Place, other: str) -> float:
    """From the request to the node, which is in the other process."""
    async with speaking(other) as there:
        asked = time.time()
        run = await there.json("POST", "/runs", place.tale())
        await there.json("GET", f"/runs/{run['run_id']}/join")
    return place.notes(run["run_id"], "started")[0].at - asked


async def _cancel(place: Place, executing: str, other: str) -> float:
    """From the request to the node's cancellation."""
    async with speaking(executing) as here, speaking(other) as there:
        run = await here.json("POST", "/runs", place.tale(steps=1, pause=60))
        while not place.notes(run["run_id"], "started"):  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.005)
        asked = time.time()
        await there.json("POST", f"/runs/{run['run_id']}/cancel?wait=true")
    return place.notes(run["run_id"], "cancelled")[0].at - asked
