"""Claims runs that are due, as long as there are free slots."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf

import structlog

from treadle.background import RETRY_PERIOD
from treadle.errors import StorageUnavailable
from treadle.execution.attempts import Attempts
from treadle.execution.endings import Endings
from treadle.execution.slots import Slots
from treadle.storage.contract.runs import RunRecord, RunStore

log = structlog.get_logger("treadle.runs")


class Claiming:
    """The loop that claims runs and begins attempts at them."""

    def __init__(
        self, runs: RunStore, slots: Slots, attempts: Attempts, endings: Endings, clock: Callable[[], float]
    ) -> None:
        self._runs = runs
        self._slots = slots
        self._attempts = attempts
        self._endings = endings
        self._clock = clock

    async def claim_forever(self) -> None:
        """Claim and begin due runs, then sleep until the next one is due. Ends when no more runs are started."""
        slots = self._slots
        while slots.open:
            slots.wake.clear()
            slots.next_due = inf
            try:
                if slots.free > 0 and not await self._begin_all(
                    await self._runs.claim(slots.free, self._attempts.run_ids)
                ):
                    await asyncio.sleep(RETRY_PERIOD)
                due = await self._runs.next_due(self._attempts.run_ids)
            except StorageUnavailable as error:
                log.error("no run can be claimed; trying again", error=str(error))
                await asyncio.sleep(RETRY_PERIOD)
                continue
            now = self._clock()
            if due is not None:
                slots.next_due = due
            # A run that became due since the claim is no backlog while there are slots: it is claimed right away.
            slots.backlog = due is not None and due <= now and slots.free <= 0
            # With a backlog, a slot that becomes free wakes us.
            delay = None if due is None or slots.backlog else max(due - now, 0)
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await slots.wake.wait()

    async def _begin_all(self, claimed: Sequence[RunRecord]) -> bool:
        """Begin attempts at runs that were just claimed; False if one had to be given back."""
        begun = 0
        for run in claimed:
            if not self._slots.open:
                await self._endings.give_back(run)
                continue
            self._slots.take()
            begun += await self._attempts.take_over(run)
        return begun == len(claimed)
