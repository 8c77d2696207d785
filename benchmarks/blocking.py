"""While a node blocks its event loop: how long `/ok` takes, and for how long other runs show no sign of life."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path
from time import monotonic

from benchmarks.crowd import took
from benchmarks.figures import figure
from tests.cli.processes import serve
from tests.endurance.speaking import ENDURANCE, speaking

TICK = 0.1
TICKING = {"id": 1, "steps": 36_000, "pause": TICK}


async def measure(folder: Path) -> list[str]:
    """A node that sleeps, and one that computes; the events are those of a run on a loop of its own."""
    lines = []
    for how in ("sleep", "compute"):
        gate = folder / how
        gate.mkdir()
        with serve("--port", "0", config=ENDURANCE, BG_JOB_ISOLATED_LOOPS="true") as process:
            times: list[float] = []
            listening = asyncio.create_task(_listen(process.url, times))
            blocking = asyncio.create_task(_block(process.url, how, gate))
            while not (gate / how).exists():  # noqa: ASYNC110 - another process comes there
                await asyncio.sleep(0.01)
            start = monotonic()
            ok = await took(process.url, "GET", "/ok", None, count=1000)
            await asyncio.sleep(max(0.0, start + 5 - monotonic()))
            (gate / "open").touch()
            await blocking
            listening.cancel()
            gaps = [later - earlier for earlier, later in pairwise(time for time in times if time > start)]
            lines.append(figure(f"/ok while a node blocks ({how})", ok))
            lines.append(figure(f"events every {TICK * 1000:.0f} ms meanwhile", gaps))
    return lines


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
