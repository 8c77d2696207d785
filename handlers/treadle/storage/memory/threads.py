"""Kept threads in this process's memory. Confined to one event loop."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from dataclasses import replace

from treadle.storage.contract.threads import ThreadRecord, ThreadState, ThreadStore


class MemoryThreadStore(ThreadStore):
    """A dict, and a heap of expiry times. A thread that has changed is put back with its new time."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._records: dict[str, ThreadRecord] = {}
        self._expiring: list[tuple[float, str]] = []
        self._stale = 0  # entries of threads that were removed before their time

    async def add(self, record: ThreadRecord) -> bool:
        if record.thread_id in self._records:
            return False
        self._records[record.thread_id] = record
        if record.expires_at is not None:
            heapq.heappush(self._expiring, (record.expires_at, record.thread_id))
        return True

    async def get(self, thread_id: str) -> ThreadRecord | None:
        record = self._records.get(thread_id)
        if record is None or record.expires_at is None or record.ttl.strategy == "keep_latest":
            return record
        return record if record.expires_at > self._clock() else None

    async def of_assistant(self, assistant_id: str) -> list[str]:
        named = ((record.thread_id, record.metadata.get("assistant_id")) for record in self._records.values())
        return [thread_id for thread_id, name in named if name == assistant_id]

    async def remove(self, thread_id: str) -> None:
        record = self._records.pop(thread_id, None)
        if record is not None and record.expires_at is not None:
            self._stale += 1
            if self._stale * 2 > len(self._expiring):
                self._expiring = [entry for entry in self._expiring if entry[1] in self._records]
                heapq.heapify(self._expiring)
                self._stale = 0

    async def mark_pruned(self, thread_id: str) -> None:
        record = self._records.get(thread_id)
        if record is not None and record.expires_at is not None and record.expires_at <= self._clock():
            self._records[thread_id] = replace(record, pruned=True)

    async def expired(self) -> tuple[list[ThreadRecord], float | None]:
        now, over = self._clock(), []
        while self._expiring and self._expiring[0][0] <= now:
            record = self._records.get(heapq.heappop(self._expiring)[1])
            if record is None or record.expires_at is None:
                continue
            if record.expires_at <= now:
                over.append(record)
            else:
                heapq.heappush(self._expiring, (record.expires_at, record.thread_id))
        upcoming = self._expiring[0][0] if self._expiring else None
        for record in over:  # until it is removed
            heapq.heappush(self._expiring, (now, record.thread_id))
        return over, upcoming

    def leave(self, thread_id: str, state: ThreadState | None, at: float) -> None:
        """Write the state that a run left in its thread, if the thread is kept."""
        record = self._records.get(thread_id)
        if record is not None and state is not None:
            changed = replace(record, state=state, updated_at=at, state_updated_at=at, pruned=False)
            self._records[thread_id] = changed
            if record.expires_at is None and changed.expires_at is not None:
                heapq.heappush(self._expiring, (changed.expires_at, thread_id))
