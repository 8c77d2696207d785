"""Events of runs in this process's memory. Confined to one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from treadle.storage.contract.events import Audience, EventLog, Follower
from treadle.storage.contract.runs import RunRecord
from treadle.storage.events.buffers import Budget, MemoryFollower, RunEvents


class MemoryEventLog(EventLog):
    """One list of events per run. Those of a run that is not resumable leave once every follower has them."""

    def __init__(self, buffer_bytes: int) -> None:
        self._budget = Budget(buffer_bytes)
        self._runs: dict[str, RunEvents] = {}

    def expect(self, run: RunRecord) -> None:
        self._runs[run.run_id] = RunEvents(run.resumable, self._budget)

    async def open(self, run: RunRecord) -> None:
        if run.run_id not in self._runs:
            self.expect(run)

    def open_at(self, run: RunRecord, first: int) -> None:
        """As `open`, for a run whose first event here is not its first one."""
        if run.run_id not in self._runs:
            self.expect(run)
        self._runs[run.run_id].first = first

    def last(self, run_id: str) -> int:
        """The number of the last event so far."""
        return self._runs[run_id].last

    def has_all_after(self, run_id: str, cursor: int) -> bool:
        """Whether no event after `cursor` has come before the first one that is here."""
        return cursor >= self._runs[run_id].first - 1

    def audience(self, run_id: str) -> Audience:
        run = self._runs.get(run_id)
        return Audience() if run is None else run.audience

    def want_all(self, run_id: str) -> None:
        """Other processes read the run as well."""
        self._runs[run_id].want_all()

    def append(self, run_id: str, events: Sequence[tuple[str, bytes]]) -> None:
        run = self._runs.get(run_id)
        if run is not None and not run.closed:
            run.append(events)

    async def written(self, run_id: str) -> bool:
        return True  # no other process reads it

    def close(self, run_id: str, final: RunRecord) -> None:
        run = self._runs.get(run_id)
        if run is not None:
            run.closed, run.final = True, final
            run.wake()
            if not run.resumable:
                del self._runs[run_id]  # followers hold what they have yet to read
                run.trim()

    def abandon(self, run_id: str) -> None:
        run = self._runs.pop(run_id, None)
        if run is not None and not run.closed:
            run.closed = run.broken = True
            run.wake()
        if run is not None:
            run.forget()

    async def until_unfollowed(self) -> None:
        """No other process executes runs."""

    def close_all(self) -> None:
        for run_id in list(self._runs):
            self.abandon(run_id)

    async def follow(self, run_id: str, after: int | None) -> Follower:
        return MemoryFollower(self._runs.get(run_id) or RunEvents.nothing(), after)

    async def room(self, run_id: str) -> None:
        run = self._runs.get(run_id)
        while run is not None and not run.closed and run.full():
            run.writer = asyncio.get_running_loop().create_future()
            await run.writer

    def full(self, run_id: str) -> bool:
        run = self._runs.get(run_id)
        return run is not None and run.full()

    async def shed(self, run_id: str) -> int:
        run = self._runs.get(run_id)
        return run.shed() if run is not None and run.full() else 0

    def drop(self, run_id: str) -> None:
        run = self._runs.pop(run_id, None)
        if run is not None:
            run.closed = True
            run.wake()
            run.forget()
