"""One run that many clients follow: what each event costs for each of them, and how far apart they are at its end."""

from __future__ import annotations

import asyncio
from time import monotonic

from benchmarks.bench import Bench
from benchmarks.graphs import pour
from benchmarks.servers import Server, memory, sqlite
from benchmarks.subjects import APART, CPU_PER_EVENT, FOLLOWERS
from tests.endurance.speaking import speaking

PLACES = (1, 10, 100, 1_000)
EVENTS, PAUSE = 100, 0.02
JOINING = 1.0
"""Seconds before the run begins, in which a hundred clients join it."""


def measure(bench: Bench) -> None:
    """The servers in turn."""
    for start in (memory, sqlite):
        with start() as server:
            for at in PLACES:
                bench.say(f"{FOLLOWERS}: {at:,}, {server.name}")
                for _ in range(bench.rounds):
                    asyncio.run(_follow(bench, server, at))


async def _follow(bench: Bench, server: Server, at: int) -> None:
    body = pour(EVENTS)
    body["input"] = {"count": EVENTS, "size": 20, "pause": PAUSE}
    async with speaking(server.url) as speaker:
        run = await speaker.json("POST", "/runs", {**body, "after_seconds": JOINING * (1 + at // 100)})
        joined = [asyncio.Event() for _ in range(at)]
        reading = [asyncio.create_task(_read(server.url, run["run_id"], each)) for each in joined]
        await asyncio.gather(*(each.wait() for each in joined))
        before = server.cpu_time()
        ends = await asyncio.gather(*reading)
    bench.add(FOLLOWERS, server.name, CPU_PER_EVENT, (server.cpu_time() - before) / EVENTS / at * 1e6, at)
    bench.add(FOLLOWERS, server.name, APART, (max(ends) - min(ends)) * 1000, at)


async def _read(url: str, run_id: str, joined: asyncio.Event) -> float:
    """When the stream ended, after all of its events."""
    async with speaking(url) as speaker:
        await speaker.ask("GET", f"/runs/{run_id}/stream?stream_mode=custom")
        joined.set()
        content = await speaker.rest()
        assert content.count(b"event: custom") == EVENTS, content[:1000]
        return monotonic()
