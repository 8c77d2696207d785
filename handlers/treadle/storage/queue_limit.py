"""How many runs may wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from treadle.errors import QueueFull
from treadle.storage.records import RunRecord


@dataclass(frozen=True, slots=True)
class QueueLimit:
    """At most so many pending runs; 0: no limit."""

    most: int

    def admits(self, records: Sequence[RunRecord], pending: Callable[[], int]) -> bool:
        """Whether the runs may be added to those that are `pending`; who comes claimed does not wait."""
        added = sum(record.status == "pending" for record in records)
        return not added or not self.most or pending() + added <= self.most

    def refusal(self) -> QueueFull:
        """What is said of a create that is not admitted."""
        return QueueFull(f"{self.most} runs may wait at once, and with this request more would; try again later")
