"""Many at once: runs that last two seconds, runs that wait for a slot, and clients that read nothing."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

from benchmarks.figures import figure
from tests.cli.processes import serve
from tests.endurance.speaking import ENDURANCE, speaking
from tests.live import GRAPHS
from tests.web.sockets import KB, Unread

CLIENTS, WAITING, UNREAD = 100, 10_000, 90
TALE = {"assistant_id": "telling", "input": {"id": 1, "steps": 4, "pause": 0.5}, "stream_mode": ["values", "custom"]}
SMALL = {"assistant_id": "simple", "input": {"foo": 1}}


async def measure(folder: Path) -> list[str]:
    """Each on a server of its own."""
    return [await _together(), *await _queue(), *await _unread()]


async def _together() -> str:
    async def take(url: str, path: str) -> None:
        async with speaking(url) as speaker:
            await speaker.ask("POST", path, TALE)
            await speaker.rest()

    with serve("--port", "0", config=ENDURANCE) as process:
        start = monotonic()
        await asyncio.gather(*[take(process.url, f"/runs/{('wait', 'stream')[n % 2]}") for n in range(CLIENTS)])
        took = monotonic() - start
    return f"{CLIENTS} waits and streams of two seconds together: {took:.2f} s"


async def _queue() -> list[str]:
    with serve("--port", "0", "--concurrency", "1", config=GRAPHS, MAX_QUEUED_RUNS=str(WAITING)) as process:
        async with speaking(process.url) as speaker:
            await speaker.json("POST", "/runs", {"assistant_id": "slow", "input": {"seconds": 3600}})
            before = await took(process.url, "GET", "/ok", None)
            for _ in range(WAITING // 1000):
                await speaker.json("POST", "/runs/batch", [SMALL] * 1000)
        after = await took(process.url, "GET", "/ok", None)
    return [figure("/ok, nothing waits", before), figure(f"/ok, {WAITING} runs wait", after)]


async def _unread() -> list[str]:
    lines = []
    with serve("--port", "0", config=GRAPHS) as process, ExitStack() as opened:
        for state in ("no clients", f"{UNREAD} clients"):
            if state != "no clients":
                for _ in range(UNREAD):
                    opened.enter_context(Unread(process.url, {"count": 160, "size": 256 * KB}))
            runs = await took(process.url, "POST", "/runs/wait", SMALL)
            lines.append(figure(f"/runs/wait, {state} that read nothing", runs))
    return lines


async def took(url: str, method: str, path: str, body: object, *, count: int = 200) -> list[float]:
    """How long a request takes, one after the other on one connection: seconds."""
    durations = []
    async with speaking(url) as speaker:
        for _ in range(count):
            start = monotonic()
            await speaker.json(method, path, body)
            durations.append(monotonic() - start)
    return durations
