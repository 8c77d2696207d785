"""Repeated requests: an `Idempotency-Key` stands for its first request and the runs that it created."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from treadle.errors import KeyReused, OutcomeGone
from treadle.runs.lifecycle import Runs
from treadle.storage.contract.events import END, Follower
from treadle.storage.contract.runs import IdempotentRequest, KeyTaken, RunRecord
from treadle.storage.contract.store import Storage

# Runs that are looked up in one go.
AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Creation:
    """Creates runs; while a request's key lives, only the first of several equal requests does."""

    storage: Storage
    runs: Runs
    clock: Callable[[], float]
    key_ttl: float
    """Seconds for which a key stands for its request."""
    resumable_ttl: float
    """Seconds for which the events of an ended run can be replayed."""

    def once(self, caller: str, key: str, operation: str, document: Any) -> IdempotentRequest:
        """The request, with all that has to be the same when it is repeated."""
        return IdempotentRequest(caller, key, fingerprint(operation, document), self.clock() + self.key_ttl)

    async def create(
        self, once: IdempotentRequest | None, new: Callable[[], Awaitable[list[RunRecord]]]
    ) -> tuple[Sequence[RunRecord], bool]:
        """New pending runs, committed; or those of an earlier request as they are now, and True.

        Raises KeyReused (409) if the earlier request was another one, OutcomeGone (409) if a run of it is not kept.
        """
        if once is None:
            await self.runs.create(runs := await new())
            return runs, False
        if earlier := await self.storage.runs.first(once.caller, once.key):
            return await self._created(once, earlier), True
        try:
            await self.runs.create(runs := await new(), once)
        except KeyTaken as taken:
            return await self._created(once, taken.earlier), True
        return runs, False

    async def create_and_follow(
        self, once: IdempotentRequest | None, new: Callable[[], Awaitable[RunRecord]], after: int, seen: int = 0
    ) -> tuple[RunRecord, Follower, bool]:
        """A new run, followed as by `Runs.create_and_follow`; or that of an earlier request, and True.

        The latter is followed from the event after `seen`, or to its END. Raises as `create`, and OutcomeGone (409) if
        its events are not kept.
        """
        if once is None:
            run = await new()
            return run, await self.runs.create_and_follow(run, after), False
        earlier = await self.storage.runs.first(once.caller, once.key)
        if earlier is None:
            run = await new()
            try:
                return run, await self.runs.create_and_follow(run, after, once), False
            except KeyTaken as taken:
                earlier = taken.earlier
        (run,) = await self._created(once, earlier)
        return run, self._follow_again(run, after if after == END else seen), True

    async def _created(self, once: IdempotentRequest, earlier: IdempotentRequest) -> list[RunRecord]:
        if earlier.fingerprint != once.fingerprint:
            raise KeyReused
        runs = []
        for number, run_id in enumerate(earlier.run_ids, 1):
            if number % AT_ONCE == 0:
                await asyncio.sleep(0)  # others have their turn as well
            run = await self.storage.runs.get(run_id)
            if run is None:
                raise OutcomeGone(f"Idempotency-Key: it has created run {run_id}, whose outcome is no longer kept")
            runs.append(run)
        return runs

    def _follow_again(self, run: RunRecord, after: int) -> Follower:
        if after == END:
            return self.runs.await_end(run)
        if run.ended_at is not None and run.ended_at + self.resumable_ttl <= self.clock():
            outcome = f"GET /runs/{run.run_id} has its outcome"
            gone = f"the events of run {run.run_id} are no longer kept (RESUMABLE_STREAM_TTL_SECONDS)"
            raise OutcomeGone(f"Idempotency-Key: {gone}; {outcome}")
        return self.runs.follow(run, after)


def fingerprint(operation: str, document: Any) -> str:
    """A hash that is equal for equal requests, independent of spaces and the order of keys in their JSON."""
    # Not `dump`, which is faster and has no order for objects with integers beyond 64 bits.
    canonical = json.dumps([operation, document], sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()
