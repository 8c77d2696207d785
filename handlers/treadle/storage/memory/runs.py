"""Runs in this process's memory: for tests and throw-away servers. Confined to one event loop."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import count

from uuid_utils import uuid4

from treadle.errors import LeaseLost
from treadle.storage.contract.queue_limit import QueueLimit
from treadle.storage.contract.runs import (
    CancelRequest,
    Ending,
    IdempotentRequest,
    KeyTaken,
    RunRecord,
    RunStore,
    Status,
)
from treadle.storage.contract.threads import ThreadRecord
from treadle.storage.memory.deliveries import MemoryDeliveryStore
from treadle.storage.memory.feedback import MemoryFeedbackStore
from treadle.storage.memory.keys import MemoryKeys
from treadle.storage.memory.retention import MemoryRetention
from treadle.storage.memory.threads import MemoryThreadStore

RECORD_BYTES = 6 * 1024
"""Bytes of a record beside its input and output: dicts, ids and index entries."""


class MemoryRunStore(RunStore):
    """Dicts, and a heap of due times. Ended runs are deleted after `ttl` seconds, or beyond `retention_bytes`."""

    def __init__(
        self,
        clock: Callable[[], float],
        threads: MemoryThreadStore,
        deliveries: MemoryDeliveryStore,
        feedback: MemoryFeedbackStore,
        *,
        ttl: float,
        feedback_ttl: float,
        retention_bytes: int,
        queue_limit: QueueLimit,
    ) -> None:
        self._clock = clock
        self._threads = threads
        self._deliveries = deliveries
        deliveries.release = self._release
        self._feedback = feedback
        feedback.grow = self._grow
        self._ttl = ttl
        self._feedback_ttl = feedback_ttl
        self._queue_limit = queue_limit
        self._records: dict[str, RunRecord] = {}
        self._of_thread: dict[str, list[str]] = {}  # thread_id -> run_ids, the oldest first
        self._due: list[tuple[float, int, str]] = []
        self._stale = 0  # entries of runs that were cancelled or removed before they were due
        self._order = count()
        self._keys = MemoryKeys()
        self._retention = MemoryRetention(retention_bytes)
        self._gone: list[str] = []  # forgotten since the last sweep

    async def add(
        self, records: Sequence[RunRecord], threads: Sequence[ThreadRecord] = (), once: IdempotentRequest | None = None
    ) -> None:
        if once is not None:
            self._evict()  # a key whose time is over must be free
            if earlier := self._keys.first(once.caller, once.key, self._clock()):
                raise KeyTaken(earlier)
        # Each pending run has one entry; all other entries are stale.
        if not self._queue_limit.admits(records, lambda: len(self._due) - self._stale):
            raise self._queue_limit.refusal(records)
        if once is not None:
            self._keys.take(once, records)
        for thread in threads:
            await self._threads.add(thread)
        for record in records:
            self._records[record.run_id] = record
            self._of_thread.setdefault(record.thread_id, []).append(record.run_id)
            if record.status == "pending":
                heapq.heappush(self._due, (record.due, next(self._order), record.run_id))

    async def first(self, caller: str, key: str) -> IdempotentRequest | None:
        return self._keys.first(caller, key, self._clock())

    async def get(self, run_id: str) -> RunRecord | None:
        record = self._records.get(run_id)
        if record is not None and record.expires_at is not None and record.expires_at <= self._clock():
            return None
        return record

    async def find(self, *, thread_id: str | None = None, status: Status | None = None) -> list[RunRecord]:
        now = self._clock()
        ids = self._records if thread_id is None else self._of_thread.get(thread_id, [])
        return [
            record
            for record in map(self._records.__getitem__, reversed(ids))
            if status in (None, record.status) and (record.expires_at is None or record.expires_at > now)
        ]

    async def claim(self, limit: int, held: Collection[str] = ()) -> list[RunRecord]:
        now = self._clock()
        claimed: list[RunRecord] = []
        passed = []
        while self._due and len(claimed) < limit and self._due[0][0] <= now:
            entry = heapq.heappop(self._due)
            record = self._records.get(entry[2])
            if record is None or record.status != "pending":
                self._stale -= 1
                continue
            if record.run_id in held:
                passed.append(entry)
                continue
            record = record._replace(
                status="running",
                claim=str(uuid4()),
                attempt=record.attempt + 1,
                started_at=now,
                updated_at=now,
            )
            self._records[record.run_id] = record
            claimed.append(record)
        for entry in passed:
            heapq.heappush(self._due, entry)
        return claimed

    async def next_due(self, held: Collection[str] = ()) -> float | None:
        passed = []
        while self._due:
            entry = self._due[0]
            run_id = entry[2]
            record = self._records.get(run_id)
            if record is not None and record.status == "pending" and run_id not in held:
                break
            heapq.heappop(self._due)
            if record is not None and record.status == "pending":
                passed.append(entry)
            else:
                self._stale -= 1
        moment = self._due[0][0] if self._due else None
        for entry in passed:
            heapq.heappush(self._due, entry)
        return moment

    async def renew(self, claims: Mapping[str, str], *, extend: bool) -> dict[str, CancelRequest | None]:
        # A process that loses its memory loses its claims as well: there are no leases to extend.
        return {run_id: None for run_id, claim in claims.items() if self._holds(run_id, claim)}

    async def give_back(self, run_id: str, claim: str) -> None:
        if self._holds(run_id, claim):
            record = self._records[run_id]
            self._records[run_id] = record._replace(status="pending", claim=None, attempt=record.attempt - 1)
            heapq.heappush(self._due, (record.due, next(self._order), run_id))

    async def request_cancel(self, run_id: str, request: CancelRequest) -> bool:
        return False  # all runs are in this process

    async def settle(self, run_id: str, claim: str, ending: Ending) -> RunRecord:
        if not self._holds(run_id, claim):
            raise LeaseLost
        return self._end(self._records[run_id], ending)

    async def cancel_pending(self, run_id: str, ending: Ending) -> RunRecord | None:
        record = self._records.get(run_id)
        if record is None or record.status != "pending":
            return None
        ended = self._end(record, ending)
        self._withdraw()
        return ended

    async def attach(self, run_ids: Collection[str]) -> None:
        """No other process sees the runs: its clients go with them."""

    async def detached(self) -> list[str]:
        return []

    async def remove(self, run_id: str, ending: Ending | None = None) -> None:
        record = self._records.get(run_id)
        if record is None:
            return
        if ending is not None:
            self._threads.leave(record.thread_id, ending.left, ending.at)
            if ending.webhook is not None and record.ended_at is None:
                self._deliveries.add(ending.webhook)
        self._forget(run_id)
        if record.status == "pending":
            self._withdraw()

    async def sweep(self) -> tuple[list[str], float | None]:
        next_expiry = self._evict()
        gone, self._gone = self._gone, []
        if next_expiry is None and self._deliveries.owing:
            next_expiry = self._clock() + self._ttl  # the retention of a run that owes something has yet to begin
        return gone, next_expiry

    def _holds(self, run_id: str, claim: str) -> bool:
        record = self._records.get(run_id)
        return record is not None and record.status == "running" and record.claim == claim

    def _withdraw(self) -> None:
        """A pending run will not be claimed: its entry leaves the heap together with others of the kind."""
        self._stale += 1
        if self._stale * 2 > len(self._due):
            waiting = (self._records.get(entry[2]) for entry in self._due)
            self._due = [
                entry
                for entry, record in zip(self._due, waiting, strict=True)
                if record is not None and record.status == "pending"
            ]
            heapq.heapify(self._due)
            self._stale = 0

    def _evict(self) -> float | None:
        """Delete expired keys and runs, and runs beyond the retained size. Writes call it too, to bound memory."""
        now = self._clock()
        self._keys.forget_expired(now)
        while (run_id := self._retention.next_to_go(now)) is not None:
            self._forget(run_id)
            self._gone.append(run_id)
        upcoming = (self._keys.next_expiry(), self._retention.next_expiry())
        return min((moment for moment in upcoming if moment is not None), default=None)

    def _grow(self, run_id: str, size: int) -> bool:
        """Add to the size of a run; False if it is unknown or has expired."""
        record = self._records.get(run_id)
        if record is None or (record.expires_at is not None and record.expires_at <= self._clock()):
            return False
        self._records[run_id] = record._replace(size=record.size + size)
        self._retention.grow(run_id, size)
        self._evict()
        return True

    def _forget(self, run_id: str) -> None:
        record = self._records.pop(run_id)
        self._feedback.forget(run_id)
        self._deliveries.forget(run_id)
        self._retention.forget(run_id)
        siblings = self._of_thread[record.thread_id]
        siblings.remove(run_id)
        if not siblings:
            del self._of_thread[record.thread_id]

    def _end(self, record: RunRecord, ending: Ending) -> RunRecord:
        self._threads.leave(record.thread_id, ending.left, ending.at)
        ended = record.ended_with(ending.outcome, ending.at)._replace(claim=None)
        self._records[record.run_id] = ended
        if ending.webhook is None:
            return self._retain(ended, ending.at)
        self._deliveries.add(ending.webhook)
        return ended

    def _release(self, run_id: str) -> bool:
        """A run owes nothing any more; whether it is still there."""
        if run_id in self._records:
            self._retain(self._records[run_id], self._clock())
        return run_id in self._records

    def _retain(self, ended: RunRecord, now: float) -> RunRecord:
        """Begin the retention of an ended run; a kept one lives as long as its thread."""
        outcome = ended.outcome
        if not ended.temporary or outcome is None:
            return ended
        parts = (outcome.values, outcome.error, outcome.interrupts, outcome.feedback)
        expires_at = max(now + self._ttl, self._keys.kept_until(ended.run_id))
        if outcome.feedback is not None:
            expires_at = max(expires_at, now + self._feedback_ttl)
        expiring = ended._replace(expires_at=expires_at)
        self._records[ended.run_id] = expiring
        size = RECORD_BYTES + ended.size + sum(len(part) for part in parts if part)
        self._retention.keep(ended.run_id, size, expires_at)
        self._evict()
        return expiring
