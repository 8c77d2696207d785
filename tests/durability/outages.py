"""A database that is killed and comes back, under clients that make runs and look at them."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import httpx

from tests.cli.processes import Serving
from tests.database_server import DatabaseServer
from tests.durability.load import checked
from tests.durability.place import Place
from tests.live import DEADLINE

RATE = 20
"""Runs that clients make in a second."""


@dataclass
class Outage:
    """What clients saw of an outage, and how long things took after its end."""

    accepted: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    """Of all answers during the outage and around it."""
    accepts_again: float = 0.0
    """Seconds from when the database was back until a run was accepted."""
    begins_again: float = 0.0
    """Seconds from when the database was back until a node began."""
    slowest_answer: float = 0.0

    def line(self, down: float) -> str:
        """A line for the terminal."""
        answers = ", ".join(f"{count} × {status}" for status, count in sorted(self.statuses.items()))
        return (
            f"database killed, {down:g} s down: {len(self.accepted)} runs accepted; answers {answers}, the slowest "
            f"after {self.slowest_answer:.2f} s; after its return a run is accepted after {self.accepts_again:.2f} s, "
            f"and begins after {self.begins_again:.2f} s"
        )


async def outage(place: Place, database: DatabaseServer, api: Serving, down: float) -> Outage:
    """Kill the database under load, start it again after `down` seconds, and wait for the ends of all accepted runs."""
    seen, over = Outage(), asyncio.Event()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=api.url, timeout=DEADLINE, limits=limits) as http:

        async def create() -> None:
            reply = await _timed(seen, lambda: http.post("/runs", json=place.tale(steps=5, pause=0.1)))
            if reply.is_success:
                seen.accepted.append(reply.json()["run_id"])

        async def look() -> None:
            if seen.accepted:
                await _timed(seen, lambda: http.get(f"/runs/{seen.accepted[-1]}"))
            await _timed(seen, lambda: http.get("/ok?check_db=1"))

        async def load() -> None:
            async with asyncio.TaskGroup() as calls:
                while not over.is_set():
                    calls.create_task(create())
                    calls.create_task(look())
                    await asyncio.sleep(1 / RATE)

        loading = asyncio.create_task(load())
        await asyncio.sleep(2)
        database.kill()
        await asyncio.sleep(down)
        await asyncio.to_thread(database.start)
        back, before = time.time(), len(seen.accepted)
        seen.accepts_again = await _seconds_until(back, lambda: len(seen.accepted) > before)
        seen.begins_again = await _seconds_until(
            back, lambda: any(each.at > back for each in place.notes(what="started"))
        )
        await asyncio.sleep(1)
        over.set()
        await loading
        for run_id in seen.accepted:
            checked(await http.get(f"/runs/{run_id}/join"))
    return seen


async def _timed(seen: Outage, call: Callable[[], Awaitable[httpx.Response]]) -> httpx.Response:
    asked = time.monotonic()
    reply = await call()
    seen.statuses[reply.status_code] += 1
    seen.slowest_answer = max(seen.slowest_answer, time.monotonic() - asked)
    return reply


async def _seconds_until(start: float, condition: Callable[[], bool]) -> float:
    async with asyncio.timeout(DEADLINE):
        while not condition():  # noqa: ASYNC110 - other processes bring it about
            await asyncio.sleep(0.01)
    return time.time() - start
