"""How soon a process sees what another one did with the file that they share, and how late a delayed run starts."""

from __future__ import annotations

import asyncio
import json
import time

from benchmarks.bench import Bench
from tests.durability.place import Place
from tests.endurance.speaking import speaking

COUNT = 200
"""How often each is measured."""
GAP = 0.02
"""Seconds between two events, so that each is seen on its own."""


def measure(bench: Bench) -> None:
    """One server runs everything; the other one is asked to make and cancel runs, and to stream events."""
    folder = bench.folder / "elsewhere"
    folder.mkdir()
    place = Place(folder)
    with place.serve() as one, place.serve(ROLE="api") as other:
        asyncio.run(_measure(bench, place, one.url, other.url))


async def _measure(bench: Bench, place: Place, one: str, other: str) -> None:
    bench.say("events of another process")
    events = [late for _ in range(4) for late in await _events(place, one, other, COUNT // 4)]
    bench.durations("an event of another process", "SQLite", events)
    bench.say("runs that another process creates, cancels and delays")
    bench.durations("a new run of another process", "SQLite", [await _create(place, other) for _ in range(COUNT)])
    cancelled = [await _cancel(place, one, other) for _ in range(COUNT)]
    bench.durations("a cancel from another process", "SQLite", cancelled)
    bench.durations("the start of a delayed run, after its time", "SQLite", await _delayed(place, other))


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


async def _delayed(place: Place, url: str) -> list[float]:
    """From the moment at which a run is due to its node."""
    runs = []
    async with speaking(url) as http:
        for _ in range(COUNT):
            runs.append((await http.json("POST", "/runs", place.tale(after_seconds=1)))["run_id"])
            await asyncio.sleep(GAP)
        for run_id in runs:
            await http.json("GET", f"/runs/{run_id}/join")
    started = {note.run_id: note.at for note in place.notes(what="started")}
    due = dict(place.rows("SELECT run_id, due FROM runs"))
    return [started[run_id] - due[run_id] for run_id in runs]
