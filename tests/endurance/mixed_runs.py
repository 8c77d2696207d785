"""Runs that begin and end in every way there is, by the hundred."""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from itertools import count
from time import monotonic
from typing import Any

from tests.endurance.speaking import Speaker, speaking

RUN_TTL = 1
"""Seconds for which the servers of these runs keep them."""
AT_ONCE = 12
"""Clients that make runs at the same time."""
Json = dict[str, Any]


@dataclass(frozen=True)
class Ran:
    """A run that was made and has ended."""

    run_id: str
    thread_id: str


class Maker:
    """A client with one connection for its runs, and another one to interfere with them."""

    def __init__(self, url: str, own: Speaker, other: Speaker) -> None:
        self._url = url
        self._own = own
        self._other = other

    async def wait(self, body: Json) -> Ran:
        """Wait for a run."""
        head = await self._own.ask("POST", "/runs/wait", body)
        await self._own.rest()
        _, _, thread_id, _, run_id = head.headers["content-location"].split("/")
        return Ran(run_id, thread_id)

    async def stream(self, body: Json) -> Ran:
        """Stream a run to its end."""
        head = await self._own.ask("POST", "/runs/stream", body)
        ran = await self._ran(head.run_id)
        await self._own.rest()
        return ran

    async def create(self, body: Json) -> Ran:
        """Run in the background, and join."""
        run = await self._own.json("POST", "/runs", body)
        await self._own.json("GET", f"/runs/{run['run_id']}/join")
        return Ran(run["run_id"], run["thread_id"])

    async def cancel_pending(self, body: Json) -> Ran:
        """Cancel a run that is due in an hour."""
        run = await self._own.json("POST", "/runs", {**body, "after_seconds": 3600})
        await self._own.json("POST", f"/runs/{run['run_id']}/cancel?wait=true")
        return Ran(run["run_id"], run["thread_id"])

    async def delete_pending(self, body: Json) -> Ran:
        """Cancel such a run with `action=rollback`, which deletes it."""
        run = await self._own.json("POST", "/runs", {**body, "after_seconds": 3600})
        await self._own.json("POST", f"/runs/{run['run_id']}/cancel?wait=true&action=rollback")
        return Ran(run["run_id"], run["thread_id"])

    async def cancel_running(self, body: Json) -> Ran:
        """Cancel a run while its node waits."""
        head = await self._own.ask("POST", "/runs/stream", body)
        await _waiting(self._own)
        ran = await self._ran(head.run_id)
        await self._other.json("POST", f"/runs/{head.run_id}/cancel")
        await self._own.rest()
        return ran

    async def leave_stream(self, body: Json) -> Ran:
        """Leave a stream while its run's node waits, which cancels the run."""
        async with speaking(self._url) as leaving:
            head = await leaving.ask("POST", "/runs/stream", {**body, "on_disconnect": "cancel"})
            await _waiting(leaving)
            ran = await self._ran(head.run_id)
        await self._other.json("GET", f"/runs/{head.run_id}/join")
        return ran

    async def leave_wait(self, body: Json) -> Ran:
        """Leave a wait as soon as its run begins, which cancels it."""
        async with speaking(self._url) as leaving:
            head = await leaving.ask("POST", "/runs/wait", {**body, "on_disconnect": "cancel"})
            ran = await self._ran(head.run_id)
        await self._other.json("GET", f"/runs/{head.run_id}/join")
        return ran

    async def status(self, ran: Ran) -> str | None:
        """The status of a run; None if it is forgotten."""
        head = await self._other.ask("GET", f"/runs/{ran.run_id}")
        content = await self._other.rest()
        return None if head.status == 404 else str(json.loads(content)["status"])

    async def _ran(self, run_id: str) -> Ran:
        run = await self._other.json("GET", f"/runs/{run_id}")
        return Ran(run_id, run["thread_id"])


async def _waiting(speaker: Speaker) -> None:
    """Read until the node says that it waits."""
    async for part in speaker.parts():
        if b'"waiting"' in part:
            return
    raise AssertionError("the run ended")


Way = Callable[[Maker, Json], Awaitable[Ran]]
MIX: list[tuple[Way, str, str | None]] = [
    (Maker.wait, "success", "success"),
    (Maker.stream, "success", "success"),
    (Maker.create, "success", "success"),
    (Maker.wait, "error", "error"),
    (Maker.stream, "error", "error"),
    (Maker.wait, "interrupt", "success"),
    (Maker.stream, "interrupt", "success"),
    (Maker.cancel_pending, "never", "interrupted"),
    (Maker.delete_pending, "never", None),
    (Maker.cancel_running, "never", "interrupted"),
    (Maker.leave_stream, "never", "interrupted"),
    (Maker.leave_wait, "never", "interrupted"),
]
"""The way to make a run, its graph's ending, and its status; None if deleted."""


def body(number: int, ending: str) -> Json:
    """The request for a run: every other round of the mix is resumable."""
    return {
        "assistant_id": "mixed",
        "input": {"ending": ending, "text": f"{number} " * 200},
        "stream_mode": ["values", "custom"],
        "stream_resumable": number // len(MIX) % 2 == 1,
        "on_completion": "delete",
    }


async def make_runs(url: str, numbers: Iterable[int], *, rate: float = math.inf) -> list[Ran]:
    """Make the runs of these numbers, some at a time and at most `rate` a second; see that each ends as it should."""
    made: list[Ran] = []
    left = iter(numbers)
    begun, start = count(), monotonic()

    async def make() -> None:
        async with speaking(url) as own, speaking(url) as other:
            maker = Maker(url, own, other)
            for number in left:
                await asyncio.sleep(start + next(begun) / rate - monotonic())
                way, ending, status = MIX[number % len(MIX)]
                asked = monotonic()
                ran = await way(maker, body(number, ending))
                found = await maker.status(ran)
                # On a busy machine its retention may be over by now.
                forgotten = found is None and monotonic() - asked > RUN_TTL
                assert found == status or forgotten, (number, way.__name__, ending, found)
                made.append(ran)

    async with asyncio.TaskGroup() as makers:
        for _ in range(AT_ONCE):
            makers.create_task(make())
    return made


async def answers(url: str, paths: Iterable[str]) -> set[int]:
    """The statuses that these paths are answered with."""
    statuses = set()
    async with speaking(url) as speaker:
        for path in paths:
            statuses.add((await speaker.ask("GET", path)).status)
            await speaker.rest()
    return statuses
