"""A thousand streams that are open at once: what each takes in memory, and how long `/ok` takes meanwhile."""

from __future__ import annotations

import asyncio
from functools import partial

from benchmarks import servers
from benchmarks.bench import Bench
from benchmarks.cannon import Request
from benchmarks.servers import Server, Start
from benchmarks.speed.throughput import WAIT
from benchmarks.subjects import MEMORY_EACH, OK_P99, OPEN_STREAMS
from tests.endurance.speaking import speaking

STREAMS = 1000
TELLING = {"assistant_id": "telling", "input": {"id": 1, "steps": 3600, "pause": 1.0}, "stream_mode": "custom"}
"""One event a second."""
REPEATS = 3
"""New servers each time: memory that a server has had once is not given back."""
ROOM = ("--concurrency", str(STREAMS))
STARTS: tuple[Start, ...] = (
    servers.floor,
    partial(servers.treadle, "memory", *ROOM, uri="memory://"),
    partial(servers.treadle, "SQLite", *ROOM),
)


def measure(bench: Bench) -> None:
    """Each server alone, several times."""
    repeats = min(REPEATS, bench.rounds)
    for number in range(repeats):
        for start in STARTS:
            with start() as server:
                bench.say(f"{OPEN_STREAMS}: {server.name}, {number + 1} of {repeats}")
                bench.cannon.fire(server.url, WAIT, connections=16, amount=500)  # what comes with the first runs
                asyncio.run(_measure(bench, server))


async def _measure(bench: Bench, server: Server) -> None:
    """The client takes no time from what is measured: `/ok` is asked for by the load generator."""
    before = server.memory()
    begun = [asyncio.Event() for _ in range(STREAMS)]
    reading = [asyncio.create_task(_read(server.url, event)) for event in begun]
    await asyncio.gather(*(event.wait() for event in begun))
    await asyncio.sleep(1)  # in which each has another event
    bench.add(OPEN_STREAMS, server.name, MEMORY_EACH, (server.memory() - before) / STREAMS / 1024)
    fire = partial(bench.cannon.fire, server.url, Request("/ok"), connections=1, amount=2000)
    bench.add(OPEN_STREAMS, server.name, OK_P99, (await asyncio.to_thread(fire)).p99)
    for task in reading:
        assert not task.done(), "a stream has ended"
        task.cancel()
    await asyncio.gather(*reading, return_exceptions=True)


async def _read(url: str, begun: asyncio.Event) -> None:
    async with speaking(url) as speaker:
        head = await speaker.ask("POST", "/runs/stream", TELLING)
        assert head.status == 200, head
        async for part in speaker.parts():
            if b"event: custom" in part:
                begun.set()
