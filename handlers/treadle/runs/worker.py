"""The worker: claims due runs, has them executed, writes their events and settles them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from functools import partial
from time import monotonic
from typing import Any

import structlog

from treadle.encoding import encode
from treadle.errors import LeaseLost
from treadle.runs.execution import End, Execution
from treadle.runs.graph_loop import GraphLoops
from treadle.runs.kept_threads import left_by, left_by_rollback
from treadle.runs.runner import Attempt, Runner
from treadle.runs.tracebacks import own_traceback
from treadle.storage.base import CancelAction, Outcome, RunRecord, Storage

log = structlog.get_logger("treadle.runs")
# Ended runs are swept out at most this often, in seconds; an expired one is invisible before.
SWEEP_PERIOD = 1.0
# How often the graphs' loop is asked for a sign of life while runs are under way, in seconds.
WATCH_PERIOD = 0.5


class Worker:
    """Runs at most `concurrency` runs at once. Wake-ups are hints: the store is asked for what is really due."""

    def __init__(
        self,
        storage: Storage,
        execution: Execution,
        loops: GraphLoops,
        *,
        concurrency: int,
        resumable_ttl: float,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._execution = execution
        self._loops = loops
        self._concurrency = concurrency
        self._resumable_ttl = resumable_ttl
        self._clock = clock
        self._attempts: dict[str, Attempt] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._ended = asyncio.Event()
        self._backlog = False
        self._runner = Runner(execution, loops, on_events=self._append, on_end=self._end)
        self._tasks: list[asyncio.Task[None]] = []
        self._closed_at: float | None = None
        self._hurry = False

    @property
    def busy(self) -> int:
        """Runs under way in this process."""
        return len(self._attempts)

    @property
    def has_slot(self) -> bool:
        """Whether a run that is due now may start at once, without overtaking one that waits."""
        return not self._backlog and len(self._attempts) < self._concurrency

    def start(self) -> None:
        """Begin to claim runs."""
        self._loops.start()
        forever = (self._claim_forever, self._sweep_forever, self._watch_forever)
        self._tasks = [asyncio.create_task(work()) for work in forever]

    def close(self) -> None:
        """Claim no more runs; the grace period of `stop` begins."""
        if self._closed_at is None:
            self._closed_at = monotonic()
            self._tasks[0].cancel()

    def hurry(self) -> None:
        """Let `stop` wait no longer for runs to end."""
        self._hurry = True
        self._idle.set()

    async def stop(self, grace: float) -> None:
        """Take no more runs; let those under way end within `grace` seconds of `close`, then cancel them."""
        self.close()
        left = grace - (monotonic() - (self._closed_at or 0))
        if self._attempts and left > 0 and not self._hurry:
            log.info("waiting for runs to end", runs=len(self._attempts), grace_seconds=round(left, 1))
            await self._drain(left, until_hurried=True)
        for run_id in list(self._attempts):
            self.cancel(run_id, "interrupt", "the server shut down")
        await self._drain(2.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._loops.stop()

    async def _drain(self, seconds: float, *, until_hurried: bool = False) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._attempts and not (until_hurried and self._hurry):
                    self._idle.clear()
                    await self._idle.wait()

    def wake(self) -> None:
        """Look for due runs now: one was added, or a slot became free."""
        self._backlog = True
        self._wake.set()

    def run(self, record: RunRecord) -> None:
        """Run a run that is already claimed."""
        self._attempts[record.run_id] = self._runner.run(record)

    def cancel(self, run_id: str, action: CancelAction, reason: str) -> bool:
        """Cancel a run under way here; its awaiting node gets the cancellation. False if there is no such run, or if
        it is being cancelled already: only a rollback may still take the place of an interrupt.
        """
        attempt = self._attempts.get(run_id)
        if attempt is None:
            return False
        news = not attempt.reason or (action == "rollback" and attempt.action != "rollback")
        if news:
            attempt.reason, attempt.action = reason, action
        self._runner.cancel(attempt)  # again, if it was cancelled before: a node may have swallowed that
        return news

    def holds(self, run_id: str) -> bool:
        """Whether the run is under way here."""
        return run_id in self._attempts

    async def until_over(self, thread_id: str) -> None:
        """Wait until no run of the thread is under way here, be it one that was deleted."""
        for attempt in list(self._attempts.values()):
            if attempt.run.thread_id == thread_id:
                await attempt.over.wait()

    def retire(self, ended: RunRecord, *, forget: bool = False) -> None:
        """A run has ended: its followers end, and the events of a resumable one stay for a while, unless forgotten."""
        events = self._storage.events
        events.close(ended.run_id, ended)
        if forget:
            events.drop(ended.run_id)
        elif ended.resumable:
            asyncio.get_running_loop().call_later(self._resumable_ttl, events.drop, ended.run_id)
        self._ended.set()

    def _append(self, attempt: Attempt, ready: list[tuple[str, bytes]]) -> None:
        log, run_id = self._storage.events, attempt.run.run_id
        log.append(run_id, ready)
        attempt.appended += sum(len(data) for _, data in ready)
        if not log.full(run_id):
            self._runner.accept(attempt)
        elif not attempt.waits_for_room:
            attempt.waits_for_room = True
            self._spawn(self._make_room(attempt))

    def _end(self, attempt: Attempt, end: End) -> None:
        self._spawn(self._settle(attempt, end))

    async def _make_room(self, attempt: Attempt) -> None:
        await self._storage.events.room(attempt.run.run_id)
        attempt.waits_for_room = False
        self._runner.accept(attempt)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, attempt: Attempt, end: End) -> None:
        run, runs, rolled_back = attempt.run, self._storage.runs, attempt.action == "rollback"
        outcome = end.outcome
        if outcome.status == "interrupted":
            outcome = cancelled(attempt.reason, outcome)
        left = left_by_rollback(attempt.reason) if rolled_back else left_by(outcome, end.left)
        try:
            ended = await runs.settle(run.run_id, run.claim or "", outcome, None if run.temporary else left)
        except LeaseLost:
            ended = replace(run, status=outcome.status, outcome=outcome)
            if not rolled_back:
                log.warning("another worker took the run over", run_id=run.run_id)
        if rolled_back:
            await runs.remove(run.run_id)
            await self._forget_checkpoints(run)
        # Only now: whoever sees the end of the stream must find the run settled.
        self.retire(ended, forget=rolled_back)
        del self._attempts[run.run_id]
        attempt.over.set()
        if self._backlog:
            self._wake.set()
        if not self._attempts:
            self._idle.set()
        _report(run, outcome, end.error, monotonic() - attempt.started)

    async def _forget_checkpoints(self, run: RunRecord) -> None:
        """Delete what a kept run wrote: its thread has nothing else, and keeps its id until the run has ended."""
        if not run.temporary:
            await self._loops.home.call(partial(self._execution.checkpoints.delete, run.thread_id))

    async def _claim_forever(self) -> None:
        """Start what is due, then sleep until the next run is, or until woken."""
        runs = self._storage.runs
        while True:
            self._wake.clear()
            free = self._concurrency - len(self._attempts)
            for record in await runs.claim(free) if free > 0 else ():
                self.run(record)
            due = await runs.next_due()
            now = self._clock()
            # A run that became due since the claim is no backlog while there are slots: it is claimed right away.
            self._backlog = due is not None and due <= now and len(self._attempts) >= self._concurrency
            # With a backlog, a slot that becomes free wakes us.
            delay = None if due is None or self._backlog else max(due - now, 0)
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    async def _sweep_forever(self) -> None:
        """Forget ended runs when their retention is over."""
        while True:
            await self._ended.wait()
            self._ended.clear()
            expires: float | None = self._clock()
            while expires is not None:
                await asyncio.sleep(max(expires - self._clock(), SWEEP_PERIOD))
                gone, expires = await self._storage.runs.sweep()
                for run_id in gone:
                    self._storage.events.drop(run_id)

    async def _watch_forever(self) -> None:
        while True:
            await asyncio.sleep(WATCH_PERIOD)
            if self._attempts:
                self._loops.watch(WATCH_PERIOD)


def cancelled(reason: str, outcome: Outcome | None = None) -> Outcome:
    """The outcome of a cancelled run; what it had produced stays readable."""
    error = encode({"error": "UserInterrupt", "message": reason})
    return replace(outcome or Outcome("interrupted"), cancelled=error)


def _report(run: RunRecord, outcome: Outcome, error: BaseException | None, seconds: float) -> None:
    about = {"graph": run.graph_id, "run_id": run.run_id, "status": outcome.status, "ms": round(seconds * 1000, 1)}
    if error is None:
        log.info("run ended", **about)
    else:
        # Clients see a masked text: the log is where the author finds the cause.
        log.error("run failed", **about, exception=own_traceback(error))
