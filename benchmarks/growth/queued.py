"""Many runs that wait for a slot: how long `/ok` and the creation of another run take, and a claim out of the queue."""

from __future__ import annotations

import asyncio

from benchmarks.bench import Bench
from benchmarks.cannon import Request
from benchmarks.graphs import SMALL
from benchmarks.servers import Server, treadle
from benchmarks.subjects import P50, P99, QUEUED_CREATE, QUEUED_OK
from tests.endurance.speaking import speaking

PLACES = (0, 1_000, 10_000, 100_000)
BATCH = 1_000
COUNT = 200
"""Requests in a turn."""


def measure(bench: Bench) -> None:
    """A server with one slot, which a run holds all the time."""
    for store in ("memory://", None):
        name = "memory" if store else "SQLite"
        with treadle(name, "--concurrency", "1", uri=store, MAX_QUEUED_RUNS="0") as server:
            asyncio.run(_hold(server))
            queued = 0
            for at in PLACES:
                bench.say(f"queued runs: {at:,}, {name}")
                asyncio.run(_queue(server, at - queued))
                queued = at
                for _ in range(bench.rounds):
                    for what, request in ((QUEUED_OK, Request("/ok")), (QUEUED_CREATE, Request("/runs", SMALL))):
                        volley, _ = bench.turn(server, request, 1, COUNT)
                        bench.add(what, name, P50, volley.p50, at)
                        bench.add(what, name, P99, volley.p99, at)


async def _hold(server: Server) -> None:
    async with speaking(server.url) as speaker:
        await speaker.json("POST", "/runs", {"assistant_id": "slow", "input": {"seconds": 86_400}})


async def _queue(server: Server, number: int) -> None:
    async with speaking(server.url) as speaker:
        for _ in range(number // BATCH):
            await speaker.json("POST", "/runs/batch", [SMALL] * BATCH)
