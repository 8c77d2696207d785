"""The storage contract: a durable queue and record of runs, and an append-only log of each run's events.

Every backend keeps these promises; `tests/storage` holds them to it. Times are seconds since the epoch by the
store's own clock. Storage knows JSON, not the API's models: a change of the contract is never a schema migration.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

Status = Literal["pending", "running", "error", "success", "timeout", "interrupted"]
CancelAction = Literal["interrupt", "rollback"]

END: Final = sys.maxsize
"""Cursor of a follower that wants no events, only to learn that the run has ended."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `values`, `error` and `interrupts` are JSON, encoded once when they came about."""

    status: Status
    values: bytes | None = None
    error: bytes | None = None
    interrupts: bytes | None = None
    cancelled: bytes | None = None
    """Who cancelled it, shown like an error; a wait of a cancelled run answers with the values so far all the same."""
    first_event_at: float | None = None


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as it is stored. `kwargs` is what the API shows under that name and what execution reads."""

    run_id: str
    thread_id: str
    assistant_id: str
    graph_id: str
    metadata: dict[str, Any]
    kwargs: dict[str, Any]
    multitask_strategy: Any
    created_at: float
    due: float
    size: int
    status: Status = "pending"
    attempt: int = 0
    claim: str | None = None
    updated_at: float = 0.0
    started_at: float | None = None
    ended_at: float | None = None
    expires_at: float | None = None
    outcome: Outcome | None = None

    @property
    def temporary(self) -> bool:
        """Whether its thread goes with it (`on_completion: delete`)."""
        return bool(self.kwargs["temporary"])

    @property
    def thread_is_gone(self) -> bool:
        """Whether a temporary thread has gone with the end of this run."""
        return self.temporary and self.ended_at is not None

    @property
    def resumable(self) -> bool:
        """Whether its events can be read again (`stream_resumable`)."""
        return bool(self.kwargs["resumable"])


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run. `seq` counts 1, 2, 3, … across attempts without a gap; `data` is JSON."""

    seq: int
    name: str
    data: bytes


class RunStore(ABC):
    """Durable queue and record of runs."""

    @abstractmethod
    async def add(self, records: Sequence[RunRecord]) -> None:
        """Commit all of the records or none. A record may come already claimed by the process that adds it."""

    @abstractmethod
    async def get(self, run_id: str) -> RunRecord | None:
        """The run, or None if it is unknown or its retention has ended."""

    @abstractmethod
    async def find(self, *, thread_id: str | None = None, status: Status | None = None) -> list[RunRecord]:
        """The runs that fit, the newest first."""

    @abstractmethod
    async def claim(self, limit: int) -> list[RunRecord]:
        """Take up to `limit` due runs, longest due first, each with a fresh claim; exactly one caller gets each."""

    @abstractmethod
    async def next_due(self) -> float | None:
        """When the next pending run is due, or None if none is pending."""

    @abstractmethod
    async def settle(self, run_id: str, claim: str, outcome: Outcome) -> RunRecord:
        """Write the outcome, once. Raises LeaseLost if the run is not running under `claim`."""

    @abstractmethod
    async def cancel_pending(self, run_id: str, outcome: Outcome) -> RunRecord | None:
        """End the run before it starts; None if it is not pending any more."""

    @abstractmethod
    async def remove(self, run_id: str) -> None:
        """Forget the run at once."""

    @abstractmethod
    async def sweep(self) -> tuple[list[str], float | None]:
        """Forget ended runs whose retention is over: their ids, and when the next will be due for it."""


class Follower(ABC):
    """One reader of one run's events, at its own pace."""

    ended: bool
    """True once there is nothing more to come: `next` has then returned its last event."""
    final: RunRecord | None
    """The ended run, if it ended while this follower was there: its record may be forgotten before it is read."""

    @abstractmethod
    async def next(self) -> Sequence[Event]:
        """The events after those already returned; waits for one. Empty at the end, or after `nudge`."""

    @abstractmethod
    def nudge(self) -> None:
        """Make a waiting `next` return empty-handed, so that its caller can see to something else."""

    @abstractmethod
    def close(self) -> None:
        """Stop following; a waiting `next` returns. Events that nobody else needs are freed."""


class EventLog(ABC):
    """Append-only events per run. Followers see every event after their cursor, in order, exactly once."""

    @abstractmethod
    def open(self, run_id: str, *, resumable: bool) -> None:
        """Make ready for a run's events; only those of a resumable run can be read again."""

    @abstractmethod
    def append(self, run_id: str, events: Sequence[tuple[str, bytes]]) -> None:
        """Add events as (name, JSON) pairs. Without effect once the run is closed or dropped."""

    @abstractmethod
    def close(self, run_id: str, final: RunRecord) -> None:
        """The run has ended and nothing more will come: followers end once they have read what is there."""

    @abstractmethod
    def follow(self, run_id: str, after: int | None) -> Follower:
        """Follow from the event after `after`; None: from now on; END: wait for the end only.

        A run that is not open yields an ended follower.
        """

    @abstractmethod
    async def room(self, run_id: str) -> None:
        """Wait until a follower's backlog leaves room for more events, or nobody follows."""

    @abstractmethod
    def full(self, run_id: str) -> bool:
        """Whether the writer should wait for `room` before it appends more."""

    @abstractmethod
    def drop(self, run_id: str) -> None:
        """Free the run's events."""


@dataclass(frozen=True, slots=True)
class Storage:
    """The pair that a `DATABASE_URI` names, and whether it outlives the process."""

    runs: RunStore
    events: EventLog
    durable: bool
