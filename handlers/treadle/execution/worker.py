"""The worker: claims due runs, has them executed, writes their events and settles them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from math import inf
from time import monotonic
from typing import Any

import structlog

from treadle.background import RETRY_PERIOD, forever
from treadle.errors import StorageUnavailable
from treadle.execution.attempt import End, Execution
from treadle.execution.endings import Endings, report
from treadle.execution.leases import Leases
from treadle.execution.retention import Retention
from treadle.execution.runner import Attempt, Runner
from treadle.execution.shedding import shed_forever
from treadle.graphs.event_loops import GraphLoops
from treadle.storage.contract.runs import CancelAction, Outcome, RunRecord
from treadle.storage.contract.store import Storage

log = structlog.get_logger("treadle.runs")
# Seconds that cancelled nodes may take to clean up at a shutdown; and after a second signal.
UNWINDING, SHORT_UNWINDING = 2.0, 0.5


class Worker:
    """Runs at most `concurrency` runs at once. Wake-ups are hints: the store decides which runs are due."""

    def __init__(
        self,
        storage: Storage,
        execution: Execution,
        endings: Endings,
        loops: GraphLoops,
        *,
        concurrency: int,
        lease: float,
        claims: bool,
        resumable_ttl: float,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._loops = loops
        self._endings = endings
        self._concurrency = concurrency
        self._lease = lease
        self._claims = claims
        self._reserved = 0
        self._retention = Retention(storage, resumable_ttl, clock)
        self._clock = clock
        self._attempts: dict[str, Attempt] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._backlog = False
        self._next_due = inf  # while it is not known, and if nothing waits
        self._runner = Runner(execution, loops, on_events=self._append, on_end=self._end)
        self._tasks: list[asyncio.Task[None]] = []
        self._closed_at: float | None = None
        self._grace_skipped = False
        self._leaving = False

    @property
    def busy(self) -> int:
        """Runs under way in this process."""
        return len(self._attempts)

    def reserve(self) -> bool:
        """Reserve a slot for a run that is due now, unless it would overtake a waiting run."""
        free = self._claims and not self._backlog and self._free > 0
        self._reserved += free
        return free

    def release(self) -> None:
        """Give up a reserved slot."""
        self._reserved -= 1
        self._idle.set()
        if self._backlog:
            self._wake.set()

    @property
    def _free(self) -> int:
        return self._concurrency - len(self._attempts) - self._reserved

    def _crowded(self) -> bool:
        return self._backlog and self._free <= 0

    def start(self) -> None:
        """Begin to claim runs."""
        work: list[Callable[[], Coroutine[Any, Any, None]]]
        work = [self._retention.sweep_forever, partial(self._loops.watch_forever, lambda: bool(self._attempts))]
        work.append(partial(shed_forever, self._attempts, self._crowded, self._storage.events))
        if self._storage.durable:
            leases = Leases(self._storage, self._lease, self._attempts, cancel=self.cancel, lose=self._lose)
            work += [leases.renew_forever, partial(leases.listen_forever, self._wake.set)]
        if self._claims:
            work.append(self._claim_forever)
        self._tasks = [asyncio.create_task(forever(each)) for each in work]

    def close(self) -> None:
        """Claim no more runs; the grace period of `stop` begins."""
        if self._closed_at is None:
            self._closed_at = monotonic()
            self._claims = False
            self._wake.set()

    def skip_grace(self) -> None:
        """Let `stop` wait no longer for runs to end."""
        self._grace_skipped = True
        self._idle.set()

    async def stop(self, grace: float) -> None:
        """Claim no more runs. Those under way may end within `grace` seconds after `close`; then cancel them."""
        self.close()
        left = grace - (monotonic() - (self._closed_at or 0))
        if (self._attempts or self._reserved) and left > 0 and not self._grace_skipped:
            waiting = "waiting for runs to end; a second Ctrl-C, or SIGTERM, stops at once"
            log.info(waiting, runs=len(self._attempts), seconds=round(left, 1))
            await self._drain(left, until_skipped=True)
        self._leaving = True
        for attempt in list(self._attempts.values()):
            self._part_with(attempt)
        await self._drain(SHORT_UNWINDING if self._grace_skipped else UNWINDING)
        for attempt in list(self._attempts.values()):  # its node does not let itself be cancelled
            self._end(attempt, End(Outcome("interrupted")))
        await self._drain(1.0)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _drain(self, seconds: float, *, until_skipped: bool = False) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (self._attempts or self._reserved) and not (until_skipped and self._grace_skipped):
                    self._idle.clear()
                    await self._idle.wait()

    def _part_with(self, attempt: Attempt) -> None:
        if attempt.fate == "held" and self._storage.durable and not attempt.reason:
            attempt.fate = "given back"
            self._runner.cancel(attempt)
        else:
            self.cancel(attempt.run.run_id, "interrupt", "the server shut down")

    def wake(self, due: float) -> None:
        """Look for due runs at the time `due`, since a run was added."""
        if due <= self._clock():
            self._backlog = True
        if due < self._next_due:
            self._wake.set()

    def start_reserved(self, record: RunRecord) -> None:
        """Run a claimed run in the slot that was reserved for it."""
        self.release()
        if not self._begin(record):
            self._spawn(self._return(record))

    def _begin(self, record: RunRecord) -> bool:
        """Begin an attempt at a claimed run; False if that is not possible here, or not now."""
        try:
            self._storage.events.open(record)
            attempt = self._attempts[record.run_id] = self._runner.run(record)
        except Exception as error:  # there may be no more descriptors, threads or memory for its loop
            log.error("an attempt cannot begin", run_id=record.run_id, error=repr(error))
            self._storage.events.abandon(record.run_id)
            return False
        if self._leaving:  # it was being committed when the others were told to end
            self._part_with(attempt)
        return True

    async def _return(self, record: RunRecord) -> None:
        await self._endings.give_back(record)
        self.wake(record.due)

    def cancel(self, run_id: str, action: CancelAction, reason: str) -> bool:
        """Cancel a run under way here; its awaiting node gets the cancellation. False if there is nothing to cancel, or
        no more: only a rollback may still take the place of an interrupt.
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
        """Wait until no run of the thread is under way in this process, deleted runs included."""
        for attempt in list(self._attempts.values()):
            if attempt.run.thread_id == thread_id:
                await attempt.over.wait()

    def retire(self, ended: RunRecord, *, forget: bool = False) -> None:
        """End the followers of an ended run, and begin its retention unless `forget`."""
        self._retention.retire(ended, forget=forget)

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
        if attempt.ending:
            return  # a node that did not let itself be cancelled was given up before
        attempt.ending = True
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
        run, ended = attempt.run, None
        if attempt.fate == "held" or end.outcome.status != "interrupted":
            attempt.fate = "settling"
            ended = await self._endings.settle(attempt, end)
        elif attempt.fate == "given back":
            await self._endings.give_back(run)
        lost = ended is None and attempt.fate != "given back"
        deleted = lost and await self._endings.is_deleted(run)
        # Only now: a client that sees the end of the stream must find the run settled.
        if deleted:
            self._storage.events.drop(run.run_id)
        elif ended is None:
            self._storage.events.abandon(run.run_id)
        else:
            self.retire(ended, forget=attempt.action == "rollback")
        del self._attempts[run.run_id]
        attempt.over.set()
        if self._backlog or lost:
            self._wake.set()
        self._idle.set()
        if ended is not None and ended.outcome is not None:
            report(run, ended.outcome, end.error, monotonic() - attempt.started)

    async def _claim_forever(self) -> None:
        """Claim and start due runs, then sleep until the next one is due or `wake` is called. Ends with claiming."""
        runs = self._storage.runs
        while self._claims:
            self._wake.clear()
            self._next_due = inf
            try:
                if self._free > 0 and not await self._take_all(await runs.claim(self._free, self._attempts.keys())):
                    await asyncio.sleep(RETRY_PERIOD)
                due = await runs.next_due(self._attempts.keys())
            except StorageUnavailable as error:
                log.error("no run can be claimed; trying again", error=str(error))
                await asyncio.sleep(RETRY_PERIOD)
                continue
            now = self._clock()
            if due is not None:
                self._next_due = due
            # A run that became due since the claim is no backlog while there are slots: it is claimed right away.
            self._backlog = due is not None and due <= now and self._free <= 0
            # With a backlog, a slot that becomes free wakes us.
            delay = None if due is None or self._backlog else max(due - now, 0)
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    async def _take_all(self, claimed: Sequence[RunRecord]) -> bool:
        """Begin attempts at runs that were just claimed; False if one had to be given back."""
        begun = [record for record in claimed if self._claims and self._begin(record)]
        for record in claimed:
            if record not in begun:
                await self._endings.give_back(record)
        return len(begun) == len(claimed)

    def _lose(self, attempt: Attempt) -> None:
        """Stop an attempt that has lost its claim."""
        if attempt.fate != "held":
            return
        attempt.fate = "lost"
        attempt.reason = "another process has the run"
        self._runner.cancel(attempt)
