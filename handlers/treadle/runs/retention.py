"""What stays of runs that have ended, and for how long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from treadle.errors import StorageUnavailable
from treadle.storage.base import Storage
from treadle.storage.records import RunRecord

log = structlog.get_logger("treadle.runs")
# Ended runs are swept out at most this often, in seconds; an expired one is invisible before.
SWEEP_PERIOD = 1.0
# What other processes left behind is looked for this often, in seconds.
PATROL = 60.0


class Retention:
    """Keeps the outcome of an ended run, and the events of a resumable one, for their time."""

    def __init__(self, storage: Storage, resumable_ttl: float, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._resumable_ttl = resumable_ttl
        self._clock = clock
        self._ended = asyncio.Event()

    def retire(self, ended: RunRecord, *, forget: bool) -> None:
        """A run has ended: its followers end, and the events of a resumable one stay for a while, unless forgotten."""
        events = self._storage.events
        events.close(ended.run_id, ended)
        if forget:
            events.drop(ended.run_id)
        elif ended.resumable and not self._storage.durable:
            asyncio.get_running_loop().call_later(self._resumable_ttl, events.drop, ended.run_id)
        self._ended.set()

    async def sweep_forever(self) -> None:
        """Forget ended runs when their retention is over, or the size that is kept is exceeded."""
        upcoming: float | None = self._clock() if self._storage.durable else None
        while True:
            await asyncio.sleep(SWEEP_PERIOD)
            delay = PATROL if self._storage.durable else None
            if upcoming is not None:
                delay = min(max(upcoming - self._clock(), 0), PATROL)
            # A run that ends may take the others over the size that is kept.
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._ended.wait()
            self._ended.clear()
            try:
                gone, upcoming = await self._storage.runs.sweep()
            except StorageUnavailable as error:
                log.error("ended runs cannot be swept out", error=str(error))
                continue
            for run_id in gone:
                self._storage.events.drop(run_id)
