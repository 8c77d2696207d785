"""Runs in this process's memory: for tests and throw-away servers. Confined to one event loop."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count

from uuid_utils import uuid4

from treadle.errors import LeaseLost
from treadle.storage.base import Outcome, RunRecord, RunStore, Status

RECORD_BYTES = 6 * 1024
"""What a record takes beside its input and output: its dicts, ids and index entries."""


class MemoryRunStore(RunStore):
    """Dicts and a heap of what is due. Ended runs leave after `ttl` seconds, or earlier beyond `retention_bytes`."""

    def __init__(self, clock: Callable[[], float], *, ttl: float, retention_bytes: int) -> None:
        self._clock = clock
        self._ttl = ttl
        self._retention_bytes = retention_bytes
        self._records: dict[str, RunRecord] = {}
        self._due: list[tuple[float, int, str]] = []
        self._order = count()
        self._ended: OrderedDict[str, int] = OrderedDict()  # run_id -> bytes; one ttl for all, so oldest first
        self._ended_bytes = 0
        self._gone: list[str] = []  # forgotten since the last sweep

    async def add(self, records: Sequence[RunRecord]) -> None:
        for record in records:
            self._records[record.run_id] = record
            if record.status == "pending":
                heapq.heappush(self._due, (record.due, next(self._order), record.run_id))

    async def get(self, run_id: str) -> RunRecord | None:
        record = self._records.get(run_id)
        if record is not None and record.expires_at is not None and record.expires_at <= self._clock():
            return None
        return record

    async def find(self, *, thread_id: str | None = None, status: Status | None = None) -> list[RunRecord]:
        now = self._clock()
        return [
            record
            for record in reversed(self._records.values())
            if thread_id in (None, record.thread_id)
            and status in (None, record.status)
            and (record.expires_at is None or record.expires_at > now)
        ]

    async def claim(self, limit: int) -> list[RunRecord]:
        now = self._clock()
        claimed: list[RunRecord] = []
        while self._due and len(claimed) < limit and self._due[0][0] <= now:
            record = self._records.get(heapq.heappop(self._due)[2])
            if record is None or record.status != "pending":
                continue  # cancelled or removed meanwhile
            record = replace(
                record,
                status="running",
                claim=str(uuid4()),
                attempt=record.attempt + 1,
                started_at=now,
                updated_at=now,
            )
            self._records[record.run_id] = record
            claimed.append(record)
        return claimed

    async def next_due(self) -> float | None:
        while self._due:
            record = self._records.get(self._due[0][2])
            if record is not None and record.status == "pending":
                return self._due[0][0]
            heapq.heappop(self._due)
        return None

    async def settle(self, run_id: str, claim: str, outcome: Outcome) -> RunRecord:
        record = self._records.get(run_id)
        if record is None or record.status != "running" or record.claim != claim:
            raise LeaseLost
        return self._end(record, outcome)

    async def cancel_pending(self, run_id: str, outcome: Outcome) -> RunRecord | None:
        record = self._records.get(run_id)
        if record is None or record.status != "pending":
            return None
        return self._end(record, outcome)

    async def remove(self, run_id: str) -> None:
        self._forget(run_id)

    async def sweep(self) -> tuple[list[str], float | None]:
        next_expiry = self._evict()
        gone, self._gone = self._gone, []
        return gone, next_expiry

    def _evict(self) -> float | None:
        """Forget what is over its time, or over the size: memory is bounded whether anyone sweeps or not."""
        now = self._clock()
        while self._ended:
            run_id = next(iter(self._ended))
            expires_at = self._records[run_id].expires_at
            if expires_at is not None and expires_at > now and self._ended_bytes <= self._retention_bytes:
                return expires_at
            self._forget(run_id)
            self._gone.append(run_id)
        return None

    def _forget(self, run_id: str) -> None:
        self._records.pop(run_id, None)
        self._ended_bytes -= self._ended.pop(run_id, 0)

    def _end(self, record: RunRecord, outcome: Outcome) -> RunRecord:
        now = self._clock()
        size = (
            RECORD_BYTES
            + record.size
            + sum(len(part) for part in (outcome.values, outcome.error, outcome.interrupts) if part)
        )
        # A kept run lives as long as its thread.
        expires_at = now + self._ttl if record.temporary else None
        ended = replace(
            record,
            status=outcome.status,
            outcome=outcome,
            updated_at=now,
            ended_at=now,
            expires_at=expires_at,
            claim=None,
        )
        self._records[record.run_id] = ended
        if expires_at is not None:
            self._ended[record.run_id] = size
            self._ended_bytes += size
            self._evict()
        return ended
