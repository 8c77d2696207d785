"""The worker: it starts runs that may start at once, claims those that are due, and lets them end at a shutdown."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from time import monotonic
from typing import Any

import structlog
from uuid_utils import uuid4

from treadle.background import forever
from treadle.execution.attempts import Attempts
from treadle.execution.slots import Slots
from treadle.storage.contract.runs import RunRecord

log = structlog.get_logger("treadle.runs")
# Seconds that cancelled nodes may take to clean up at a shutdown; and after a second signal.
UNWINDING, SHORT_UNWINDING = 2.0, 0.5
# Seconds that settling the last runs may take.
SETTLING = 1.0
Work = Callable[[], Coroutine[Any, Any, None]]


class Worker:
    """Runs at most as many runs at once as there are `slots`, and does `work` in the background."""

    def __init__(
        self,
        slots: Slots,
        attempts: Attempts,
        work: Sequence[Work],
        clock: Callable[[], float],
        until_unfollowed: Callable[[], Awaitable[None]],
    ) -> None:
        """`until_unfollowed` returns when no client of this process follows a run of another one."""
        self._until_unfollowed = until_unfollowed
        self._slots = slots
        self._attempts = attempts
        self._work = work
        self._clock = clock
        self._tasks: list[asyncio.Task[None]] = []
        self._closed_at: float | None = None
        self._grace_skipped = asyncio.Event()

    @property
    def busy(self) -> int:
        """Runs under way in this process."""
        return self._attempts.busy()

    def start(self) -> None:
        """Begin the work in the background."""
        self._tasks = [asyncio.create_task(forever(each)) for each in self._work]

    def admit(self, run: RunRecord) -> RunRecord:
        """Reserve a slot for a new run that may start as soon as it is committed, and claim it; else change nothing.

        Either `start_runs` or `withdraw` has to follow.
        """
        if not self._slots.reserve(run.due):
            return run
        now = self._clock()
        return run._replace(status="running", claim=str(uuid4()), attempt=1, started_at=now, updated_at=now)

    def withdraw(self, runs: Sequence[RunRecord]) -> None:
        """The runs were not committed: give up the slots that are reserved for them."""
        for run in runs:
            if run.claim is not None:
                self._slots.release()

    def start_runs(self, runs: Sequence[RunRecord]) -> None:
        """Begin those of the committed runs that have a slot; the others are claimed when they are due."""
        for run in runs:
            if run.claim is None:
                self._slots.expect(run.due)
            else:
                self._attempts.begin(run)

    def close(self) -> None:
        """Start no more runs; the grace period of `stop` begins."""
        if self._closed_at is None:
            self._closed_at = monotonic()
            self._slots.close()

    def skip_grace(self) -> None:
        """Let `stop` wait no longer for runs to end."""
        self._grace_skipped.set()

    async def stop(self, grace: float) -> None:
        """Start no more runs. Those under way may end within `grace` seconds after `close`; then cancel them."""
        self.close()
        left = grace - (monotonic() - (self._closed_at or 0))
        if left > 0 and not self._grace_skipped.is_set():
            if self._slots.in_use:
                waiting = "waiting for runs to end; a second Ctrl-C, or SIGTERM, stops at once"
                log.info(waiting, runs=self.busy, seconds=round(left, 1))
            await self._grace_period(left)
        self._attempts.leave()
        await self._let_end(SHORT_UNWINDING if self._grace_skipped.is_set() else UNWINDING)
        self._attempts.give_up()
        await self._let_end(SETTLING)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _grace_period(self, seconds: float) -> None:
        waits = (self._until_all_told(), self._grace_skipped.wait())
        tasks = [asyncio.ensure_future(each) for each in waits]
        await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()

    async def _until_all_told(self) -> None:
        """Wait for the runs of this process, and for those of others whose clients are connected to this one."""
        await self._slots.until_all_free()
        await self._until_unfollowed()

    async def _let_end(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._slots.until_all_free(), seconds)
