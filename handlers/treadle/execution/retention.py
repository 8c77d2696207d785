"""Retention of ended runs and their events."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import structlog

from treadle.errors import StorageUnavailable
from treadle.storage.contract.runs import RunRecord
from treadle.storage.contract.store import Storage

log = structlog.get_logger("treadle.runs")
# Seconds between two sweeps at least. Expired runs are invisible before they are swept.
SWEEP_PERIOD = 1.0
# Seconds between two sweeps at most: other processes may have left expired runs.
MAX_SWEEP_INTERVAL = 60.0


class Retention:
    """Keeps outcomes of ended runs, and events of resumable runs, until their TTL."""

    def __init__(self, storage: Storage, resumable_ttl: float, clock: Callable[[], float]) -> None:
        self._storage = storage
        self._resumable_ttl = resumable_ttl
        self._clock = clock
        self._ended = asyncio.Event()

    def retire(self, ended: RunRecord, *, forget: bool) -> None:
        """End the followers of an ended run. Events of a resumable run stay until their TTL, unless `forget`."""
        events = self._storage.events
        events.close(ended.run_id, ended)
        if forget:
            events.drop(ended.run_id)
        elif ended.resumable and not self._storage.durable:
            asyncio.get_running_loop().call_later(self._resumable_ttl, events.drop, ended.run_id)
        self._ended.set()

    async def sweep_forever(self) -> None:
        """Delete ended runs when their retention is over, or when all of them exceed the retained size."""
        upcoming: float | None = self._clock() if self._storage.durable else None
        while True:
            await asyncio.sleep(SWEEP_PERIOD)
            delay = MAX_SWEEP_INTERVAL if self._storage.durable else None
            if upcoming is not None:
                delay = min(max(upcoming - self._clock(), 0), MAX_SWEEP_INTERVAL)
            # A run that ends may exceed the retained size.
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
