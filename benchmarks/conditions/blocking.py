"""While a node blocks its event loop: how long `/ok` takes, and for how long other runs show no sign of life."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from time import monotonic

from benchmarks.bench import Bench
from benchmarks.conditions.requests import took
from benchmarks.servers import Server, treadle
from tests.endurance.speaking import speaking

TICK = 0.1
TICKING = {"id": 1, "steps": 36_000, "pause": TICK}
SECONDS = 5
"""For how long the node blocks."""
WAYS = {"sleep": "sleeps", "compute": "computes"}


def measure(bench: Bench) -> None:
    """A node that sleeps, and one that computes; each run has a loop of its own."""
    for how, does in WAYS.items():
        bench.say(f"a node {does} without letting go of its event loop")
        gate = bench.folder / how
        gate.mkdir()
        with treadle("SQLite", BG_JOB_ISOLATED_LOOPS="true") as server:
            asyncio.run(_measure(bench, server, how, gate))


async def _measure(bench: Bench, server: Server, how: str, gate: Path) -> None:
    times: list[float] = []
    listening = asyncio.create_task(_listen(server.url, times))
    blocking = asyncio.create_task(_block(server.url, how, gate))
    while not (gate / how).exists():  # noqa: ASYNC110 - another process comes there
        await asyncio.sleep(0.01)
    start = monotonic()
    ok = await took(server.url, "GET", "/ok", None, count=1000)
    await asyncio.sleep(max(0.0, start + SECONDS - monotonic()))
    (gate / "open").touch()
    await blocking
    listening.cancel()
    gaps = [later - earlier for earlier, later in pairwise(time for time in times if time > start)]
    bench.durations(f"`/ok` while a node {WAYS[how]}", server.name, ok)
    bench.durations(f"between events that come every 100 ms, while a node {WAYS[how]}", server.name, gaps)


async def _listen(url: str, times: list[float]) -> None:
    body = {"assistant_id": "telling", "input": TICKING, "stream_mode": "custom", "on_disconnect": "cancel"}
    async with speaking(url) as speaker:
        await speaker.ask("POST", "/runs/stream", body)
        async for part in speaker.parts():
            times.extend([monotonic()] * part.count(b"event: custom\r\n"))


async def _block(url: str, how: str, gate: Path) -> None:
    async with speaking(url) as speaker:
        body = {"assistant_id": "blocking", "input": {"how": how, "gate": str(gate)}}
        await speaker.json("POST", "/runs/wait", body)
