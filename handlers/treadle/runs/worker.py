"""The worker: claims due runs, has them executed, writes their events and settles them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import replace
from time import monotonic
from typing import Any

import structlog

from treadle.encoding import encode
from treadle.errors import LeaseLost
from treadle.runs.execution import Execution
from treadle.runs.runner import Attempt, End, Runner
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
        *,
        concurrency: int,
        resumable_ttl: float,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._concurrency = concurrency
        self._resumable_ttl = resumable_ttl
        self._clock = clock
        self._attempts: dict[str, Attempt] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._ended = asyncio.Event()
        self._backlog = False
        self._runner = Runner(execution, on_events=self._append, on_end=self._end)
        self._tasks: list[asyncio.Task[None]] = []

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
        self._runner.start()
        forever = (self._claim_forever, self._sweep_forever, self._watch_forever)
        self._tasks = [asyncio.create_task(work()) for work in forever]

    async def stop(self, grace: float) -> None:
        """Take no more runs; let those under way end within `grace` seconds, then cancel them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._attempts:
            log.info("waiting for runs to end", runs=len(self._attempts), grace_seconds=grace)
            await self._drain(grace)
        for run_id in list(self._attempts):
            self.cancel(run_id, "interrupt", "the server shut down")
        await self._drain(2.0)
        self._runner.stop()

    async def _drain(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._attempts:
                    self._idle.clear()
                    await self._idle.wait()

    def wake(self) -> None:
        """Look for due runs now: one was added, or a slot became free."""
        self._backlog = True
        self._wake.set()

    def run(self, record: RunRecord) -> None:
        """Run a run that is already claimed."""
        attempt = Attempt(record)
        self._attempts[record.run_id] = attempt
        self._runner.run(attempt)

    def cancel(self, run_id: str, action: CancelAction, reason: str) -> bool:
        """Cancel a run under way here, once; its awaiting node gets the cancellation. False if there is no such run."""
        attempt = self._attempts.get(run_id)
        if attempt is None or attempt.reason:
            return False
        attempt.action, attempt.reason = action, reason
        self._runner.cancel(attempt)
        return True

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
        self._spawn(self._settle(attempt, *end))

    async def _make_room(self, attempt: Attempt) -> None:
        await self._storage.events.room(attempt.run.run_id)
        attempt.waits_for_room = False
        self._runner.accept(attempt)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, attempt: Attempt, outcome: Outcome, error: BaseException | None) -> None:
        run, runs = attempt.run, self._storage.runs
        if outcome.status == "interrupted":
            outcome = cancelled(attempt.reason, outcome)
        try:
            ended = await runs.settle(run.run_id, run.claim or "", outcome)
        except LeaseLost:
            ended = replace(run, status=outcome.status, outcome=outcome)
            if attempt.action != "rollback":
                log.warning("another worker took the run over", run_id=run.run_id)
        if attempt.action == "rollback":
            await runs.remove(run.run_id)
        # Only now: whoever sees the end of the stream must find the run settled.
        self._storage.events.close(run.run_id, ended)
        if run.resumable:
            asyncio.get_running_loop().call_later(self._resumable_ttl, self._storage.events.drop, run.run_id)
        self._ended.set()
        del self._attempts[run.run_id]
        if self._backlog:
            self._wake.set()
        if not self._attempts:
            self._idle.set()
        _report(run, outcome, error, monotonic() - attempt.started)

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
                self._runner.watch(WATCH_PERIOD)


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
