"""How many runs may wait."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from treadle.errors import InvalidRequest, QueueFull, TreadleError
from treadle.storage.records import RunRecord


@dataclass(frozen=True, slots=True)
class QueueLimit:
    """At most so many pending runs; 0: no limit."""

    most: int

    def admits(self, records: Sequence[RunRecord], pending: Callable[[], int]) -> bool:
        """Whether the runs may be added to those that are `pending`; who comes claimed does not wait."""
        added = sum(record.status == "pending" for record in records)
        return not added or not self.most or pending() + added <= self.most

    def refusal(self, records: Sequence[RunRecord]) -> TreadleError:
        """What is said of a create that is not admitted: there may be room later, unless it is too large in itself."""
        if len(records) > self.most:
            return InvalidRequest(f"a batch of {len(records)} runs: at most {self.most} may wait at once")
        return QueueFull(f"{self.most} runs may wait at once, and with this request more would; try again later")
