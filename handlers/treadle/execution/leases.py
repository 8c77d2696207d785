"""Leases: a run belongs to the process that renews its lease."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from time import monotonic

import structlog

from treadle.errors import StorageUnavailable
from treadle.execution.attempts import Attempts
from treadle.storage.contract.store import Storage

log = structlog.get_logger("treadle.runs")
# Fraction of a lease after which a worker that cannot renew it stops its runs, before another worker starts them.
LAST_CALL = 0.6
# Seconds after which a failed or late renewal is repeated.
AGAIN = 0.1


class Leases:
    """Renews the leases of the attempts in this process, and receives cancel requests from other processes."""

    def __init__(self, storage: Storage, attempts: Attempts, seconds: float) -> None:
        self._storage = storage
        self._attempts = attempts
        self._seconds = seconds
        self._confirmed = monotonic()

    async def renew_forever(self) -> None:
        """Renew the leases in time. If that fails, stop the attempts before another process starts the runs."""
        period, last_call = self._seconds / 3, self._seconds * LAST_CALL
        while True:
            await asyncio.sleep(period if monotonic() - self._confirmed < period else AGAIN)
            # The lease begins anew at the latest when it is asked for, however long the answer takes.
            asked = monotonic()
            try:
                async with asyncio.timeout(max(self._confirmed + last_call - asked, AGAIN)):
                    await self._look_after(extend=True)
                self._confirmed = asked
            except (StorageUnavailable, TimeoutError) as error:
                log.error("leases cannot be renewed", error=str(error) or "the run store does not answer")
                if monotonic() - self._confirmed >= last_call:
                    for attempt in self._attempts:
                        self._attempts.lose(attempt)

    async def listen_forever(self, wake: Callable[[], None]) -> None:
        """React to changes by other processes. Calls `wake` each time, since a run may be due."""
        while True:
            await self._storage.changes.next()
            try:
                await self._look_after(extend=False)
            except StorageUnavailable as error:
                log.error("the store cannot be read", error=str(error))
            wake()

    async def _look_after(self, *, extend: bool) -> None:
        claims = {attempt.run.run_id: attempt.run.claim or "" for attempt in self._attempts}
        if not claims:
            return
        held = await self._storage.runs.renew(claims, extend=extend)
        for run_id, claim in claims.items():
            attempt = self._attempts.get(run_id)
            if attempt is None or attempt.fate != "held" or attempt.run.claim != claim:
                continue
            # Once only: a node that is cancelled again and again cannot even clean up.
            request = held.get(run_id)
            if run_id not in held:
                if not attempt.reason:
                    self._attempts.lose(attempt)
            elif request is not None and (not attempt.reason or request.action != attempt.action):
                self._attempts.cancel(run_id, request.action, request.reason)
