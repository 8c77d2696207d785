"""Which ended runs are still kept in this process's memory, and which of them have to go."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from dataclasses import dataclass


@dataclass(slots=True)
class _Kept:
    size: int
    expires_at: float


class MemoryRetention:
    """Ended runs leave when their time is over, or the oldest first when all of them take more than `limit` bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._kept: OrderedDict[str, _Kept] = OrderedDict()  # the first one has waited longest
        self._expiries: list[tuple[float, str]] = []  # a heap; some of them may have gone before

    def keep(self, run_id: str, size: int, expires_at: float) -> None:
        """Keep a run that has ended."""
        self._kept[run_id] = _Kept(size, expires_at)
        self._bytes += size
        if len(self._expiries) > 2 * len(self._kept) + 100:
            self._expiries = [(kept.expires_at, each) for each, kept in self._kept.items()]
            heapq.heapify(self._expiries)
        else:
            heapq.heappush(self._expiries, (expires_at, run_id))

    def grow(self, run_id: str, size: int) -> None:
        """Add to the size of a run, if it has ended."""
        if run_id in self._kept:
            self._kept[run_id].size += size
            self._bytes += size

    def forget(self, run_id: str) -> None:
        """The run is gone."""
        kept = self._kept.pop(run_id, None)
        if kept is not None:
            self._bytes -= kept.size

    def next_to_go(self, now: float) -> str | None:
        """A run that has to go; None if all may stay."""
        if self._kept and self._bytes > self._limit:
            return next(iter(self._kept))
        while self._expiries and self._expiries[0][0] <= now:
            _, run_id = heapq.heappop(self._expiries)
            if run_id in self._kept and self._kept[run_id].expires_at <= now:
                return run_id
        return None

    def next_expiry(self) -> float | None:
        """When the time of the next one will be over."""
        while self._expiries and self._expiries[0][1] not in self._kept:
            heapq.heappop(self._expiries)
        return self._expiries[0][0] if self._expiries else None
