"""The attempts under way in this process: begun in a slot, cancelled, and settled when they end."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextvars import Context
from typing import Any

import structlog

from treadle.execution.attempt import End, Execution
from treadle.execution.backpressure import Backpressure
from treadle.execution.endings import Endings
from treadle.execution.runner import Attempt, Runner
from treadle.execution.slots import Slots
from treadle.graphs.event_loops import GraphLoops
from treadle.storage.contract.runs import CancelAction, Outcome, RunRecord
from treadle.storage.contract.store import Storage

log = structlog.get_logger("treadle.runs")


class Attempts:
    """Attempts by the ids of their runs. Each has a slot from its beginning until its run is settled."""

    def __init__(
        self,
        storage: Storage,
        execution: Execution,
        loops: GraphLoops,
        backpressure: Backpressure,
        endings: Endings,
        slots: Slots,
    ) -> None:
        self._storage = storage
        self._endings = endings
        self._slots = slots
        self._runner = Runner(execution, loops, backpressure, self._end)
        self._attempts: dict[str, Attempt] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._leaving = False

    def busy(self) -> int:
        """The number of runs under way here."""
        return len(self._attempts)

    def __iter__(self) -> Iterator[Attempt]:
        return iter(list(self._attempts.values()))

    def get(self, run_id: str) -> Attempt | None:
        """The attempt at the run, or None if it is not under way here."""
        return self._attempts.get(run_id)

    def holds(self, run_id: str) -> bool:
        """Whether the run is under way here."""
        return run_id in self._attempts

    @property
    def run_ids(self) -> list[str]:
        """The ids of the runs under way here."""
        return list(self._attempts)

    def begin(self, run: RunRecord) -> bool:
        """Begin an attempt at a claimed run whose log is open, in a slot that was taken for it.

        If that is not possible here and now, give run and slot back, and return False.
        """
        try:
            attempt = self._attempts[run.run_id] = self._runner.run(run)
        except (OSError, RuntimeError, MemoryError) as error:  # no more descriptors or threads for its loop
            self._decline(run, error)
            return False
        if self._leaving:  # it was being committed when the others were told to end
            self._part_with(attempt)
        return True

    async def take_over(self, run: RunRecord) -> bool:
        """As `begin`, for a run that was claimed from the queue: open its log first."""
        try:
            await self._storage.events.open(run)
        except Exception as error:  # whatever it is: the slot must not be lost, nor the other runs of the claim
            self._decline(run, error)
            return False
        return self.begin(run)

    def cancel(self, run_id: str, action: CancelAction, reason: str) -> bool:
        """Cancel a run under way here; its awaiting node gets the cancellation.

        False if the run is not under way, or is being cancelled already; but a rollback replaces an interrupt.
        """
        attempt = self._attempts.get(run_id)
        if attempt is None:
            return False
        news = not attempt.reason or (action == "rollback" and attempt.action != "rollback")
        if news:
            attempt.reason, attempt.action = reason, action
        self._runner.cancel(attempt)  # again, if it was cancelled before: a node may have swallowed that
        return news

    def lose(self, attempt: Attempt) -> None:
        """Stop an attempt that has lost its claim."""
        if attempt.fate == "held":
            attempt.fate = "lost"
            attempt.reason = "another process has the run"
            self._runner.cancel(attempt)

    async def until_over(self, thread_id: str) -> None:
        """Wait until no run of the thread is under way in this process, deleted runs included."""
        for attempt in self:
            if attempt.run.thread_id == thread_id:
                await attempt.over.wait()

    def leave(self) -> None:
        """End all attempts, and those that begin from now on, because this process ends.

        Runs in a durable store are given back, so that they begin again; others are cancelled.
        """
        self._leaving = True
        for attempt in self:
            self._part_with(attempt)

    def give_up(self) -> None:
        """End the attempts that are left, since their nodes do not let themselves be cancelled."""
        for attempt in self:
            self._end(attempt, End(Outcome("interrupted")))

    def _decline(self, run: RunRecord, error: Exception) -> None:
        log.error("an attempt cannot begin", run_id=run.run_id, error=repr(error))
        self._storage.events.abandon(run.run_id)
        self._slots.release()
        self._spawn(self._return(run))

    def _part_with(self, attempt: Attempt) -> None:
        if attempt.fate == "held" and self._storage.durable and not attempt.reason:
            attempt.fate = "given back"
            self._runner.cancel(attempt)
        else:
            self.cancel(attempt.run.run_id, "interrupt", "the server shut down")

    def _end(self, attempt: Attempt, end: End) -> None:
        if attempt.ending:
            return  # a node that did not let itself be cancelled was given up before
        attempt.ending = True
        self._spawn(self._conclude(attempt, end), attempt.context)

    async def _conclude(self, attempt: Attempt, end: End) -> None:
        lost = False
        try:
            lost = await self._endings.conclude(attempt, end)
        finally:  # a defect there must not cost the slot
            del self._attempts[attempt.run.run_id]
            attempt.over.set()
            self._slots.release()
        if lost:  # to another process, which may have ended since
            self._slots.wake.set()

    async def _return(self, run: RunRecord) -> None:
        await self._endings.give_back(run)
        self._slots.expect(run.due)

    def _spawn(self, work: Coroutine[Any, Any, None], context: Context | None = None) -> None:
        task = asyncio.create_task(work, context=context)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)
