"""The limit of the run queue."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from treadle.errors import InvalidRequest, QueueFull, TreadleError
from treadle.storage.contract.runs import RunRecord


@dataclass(frozen=True, slots=True)
class QueueLimit:
    """At most `most` pending runs; 0 means no limit."""

    most: int

    def admits(self, records: Sequence[RunRecord], pending: Callable[[], int]) -> bool:
        """Whether the queue, with `pending()` runs in it, has room for the records. Claimed runs do not count."""
        added = sum(record.status == "pending" for record in records)
        return not added or not self.most or pending() + added <= self.most

    def refusal(self, records: Sequence[RunRecord]) -> TreadleError:
        """The error for records without room: QueueFull (503), or InvalidRequest (422) if the limit is smaller."""
        if len(records) > self.most:
            return InvalidRequest(
                f"a batch of {len(records)} runs: at most {self.most} may wait at once (MAX_QUEUED_RUNS)"
            )
        limit = f"{self.most} runs may wait at once (MAX_QUEUED_RUNS)"
        return QueueFull(f"{limit}, and with this request more would; try again later")
