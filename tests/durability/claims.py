"""Many runs through several processes on one file: each is executed exactly once."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass
from itertools import chain

import httpx

from tests.durability.load import checked
from tests.durability.place import Place
from tests.live import DEADLINE

BATCH = 100


@dataclass(frozen=True)
class Claims:
    """The result of many claims."""

    runs: int
    created_in: float
    ended_in: float
    by_process: dict[int, int]
    violations: list[str]

    def line(self) -> str:
        """A line for the terminal."""
        shares = " + ".join(str(count) for count in sorted(self.by_process.values(), reverse=True))
        return (
            f"{self.runs} runs through {len(self.by_process)} processes ({shares}): created in {self.created_in:.1f} s,"
            f" all ended after {self.ended_in:.1f} s"
        )


async def claim_many(place: Place, urls: list[str], count: int) -> Claims:
    """Create runs in batches through all servers, wait for their ends, and compare the nodes' notes with the file."""
    started = time.monotonic()
    async with httpx.AsyncClient(timeout=DEADLINE) as http:

        async def create(url: str, batches: int) -> list[str]:
            made: list[str] = []
            for _ in range(batches):
                reply = checked(await http.post(f"{url}/runs/batch", json=[place.tale()] * BATCH))
                made += [run["run_id"] for run in reply.json()]
            return made

        made = list(chain(*await asyncio.gather(*[create(url, count // BATCH // len(urls)) for url in urls])))
    created = time.monotonic()
    unfinished = "SELECT count(*) FROM runs WHERE status IN ('pending', 'running')"
    async with asyncio.timeout(5 * DEADLINE):
        while place.rows(unfinished)[0][0]:  # noqa: ASYNC110 - other processes end them
            await asyncio.sleep(0.05)
    ended = time.monotonic()
    starts = Counter(note.run_id for note in place.notes(what="started"))
    rows = {run_id: rest for run_id, *rest in place.rows("SELECT run_id, status, attempt FROM runs")}
    wrong = [f"run {run_id}: {starts[run_id]} starts, {rows.get(run_id)}" for run_id in made]
    right = {f"run {run_id}: 1 starts, ['success', 1]" for run_id in made}
    processes = Counter(note.pid for note in place.notes(what="started"))
    violations = [text for text in wrong if text not in right]
    return Claims(len(made), created - started, ended - started, dict(processes), violations)
