"""One connection: how long the first event of a run takes, from the request to the client."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from statistics import median
from time import monotonic

from benchmarks.bench import Bench
from benchmarks.speed.throughput import ONE, STREAM
from benchmarks.subjects import FIRST_EVENT, P50
from tests.endurance.speaking import Speaker, speaking

COUNT = 60
"""Runs in a turn."""


def measure(bench: Bench) -> None:
    """The servers in turn; the median of each turn."""
    with ExitStack() as stack:
        running = [stack.enter_context(start()) for start in ONE]
        for number in range(bench.rounds + 1):
            bench.say(f"first event: round {number} of {bench.rounds}")
            for server in running:
                took = asyncio.run(_take(server.url))
                if number:  # the first round warms the servers up
                    bench.add(FIRST_EVENT, server.name, P50, median(took) * 1000)


async def _take(url: str) -> list[float]:
    async with speaking(url) as speaker:
        return [await _first(speaker) for _ in range(COUNT)]


async def _first(speaker: Speaker) -> float:
    """Seconds until the first event that the graph made: Treadle sends one of its own with the headers."""
    start, took = monotonic(), 0.0
    await speaker.ask("POST", STREAM.path, STREAM.body)
    async for part in speaker.parts():
        if not took and b"event: updates" in part:
            took = monotonic() - start
    return took
