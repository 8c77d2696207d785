"""A server with next to nothing to do: how long a small run takes, and what it costs to have nothing to do at all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import monotonic

from benchmarks.crowd import took
from benchmarks.figures import figure
from tests.cli.processes import serve
from tests.durability.place import Place
from tests.live import GRAPHS

SECONDS = 10.0
SMALL = {"assistant_id": "simple", "input": {"foo": 1}}


async def measure(folder: Path) -> list[str]:
    """One request after the other on one connection; then two servers without any."""
    lines = []
    for store in ("memory://", f"sqlite:///{folder}/quiet.db"):
        with serve("--port", "0", config=GRAPHS, DATABASE_URI=store) as process:
            kind = store.partition(":")[0]
            lines.append(figure(f"/runs/wait, {kind}", await took(process.url, "POST", "/runs/wait", SMALL)))
            lines.append(figure(f"/ok, {kind}", await took(process.url, "GET", "/ok", None)))
    place = Place(folder)
    with place.serve() as one, place.serve() as other:
        await asyncio.sleep(1)  # what comes with the start
        before, start = [one.cpu_time(), other.cpu_time()], monotonic()
        await asyncio.sleep(SECONDS)
        elapsed = monotonic() - start
        shares = [(server.cpu_time() - was) / elapsed for server, was in zip((one, other), before, strict=True)]
    return [*lines, *(f"an idle server of two on one file: {100 * share:.2f} % of a core" for share in shares)]
