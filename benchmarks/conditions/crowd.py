"""Runs that last two seconds, a hundred at once; and small runs beside clients that read nothing."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from time import monotonic

from benchmarks.bench import Bench
from benchmarks.conditions.requests import took
from benchmarks.graphs import SMALL
from benchmarks.servers import Server, sqlite, treadle
from tests.endurance.speaking import speaking
from tests.live import GRAPHS
from tests.web.sockets import KB, Unread

CLIENTS, UNREAD = 100, 90
TALE = {"assistant_id": "telling", "input": {"id": 1, "steps": 4, "pause": 0.5}, "stream_mode": ["values", "custom"]}
LAPS = {"count": 160, "size": 256 * KB}
"""More than a connection takes: the rest waits in the server."""


def measure(bench: Bench) -> None:
    """Each on a server of its own."""
    bench.say(f"{CLIENTS} runs of two seconds")
    with sqlite() as server:
        bench.durations(f"{CLIENTS} waits and streams of two seconds at once", server.name, asyncio.run(_all(server)))
    with treadle("SQLite", config=GRAPHS) as server, ExitStack() as opened:
        for clients in (0, UNREAD):
            bench.say(f"{clients} clients that read nothing")
            for _ in range(clients):
                opened.enter_context(Unread(server.url, LAPS))
            runs = asyncio.run(took(server.url, "POST", "/runs/wait", SMALL))
            bench.durations(f"`/runs/wait` beside {clients} clients that read nothing", server.name, runs)


async def _all(server: Server) -> list[float]:
    async def take(path: str) -> float:
        start = monotonic()
        async with speaking(server.url) as speaker:
            await speaker.ask("POST", path, TALE)
            await speaker.rest()
        return monotonic() - start

    return await asyncio.gather(*(take(f"/runs/{('wait', 'stream')[n % 2]}") for n in range(CLIENTS)))
