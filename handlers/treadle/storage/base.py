"""The storage contract: a durable queue and record of runs, the threads that are kept, and a log of each run's events.

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
ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
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
class ThreadState:
    """Where a kept thread is: while a run is pending or running it is busy, afterwards it has what the run left."""

    status: ThreadStatus = "idle"
    values: bytes | None = None
    """The graph's state, as JSON."""
    error: bytes | None = None
    """Why the last run failed or was cancelled, as JSON."""
    interrupts: bytes | None = b"{}"
    """Open interrupts by task id, as JSON; None after a rollback, when they are not known."""


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """A thread that is kept. That of a temporary run is not stored: it is a fact of the run."""

    thread_id: str
    graph_id: str | None
    """The graph whose checkpoints it has; None if no graph has written any."""
    metadata: dict[str, Any]
    config: dict[str, Any]
    graph_config: dict[str, Any]
    """What its graph was run with: a factory may need it to make the graph again."""
    created_at: float
    updated_at: float
    state_updated_at: float
    state: ThreadState = ThreadState()
    ttl_minutes: float | None = None
    """How long it lives after its last change."""

    @property
    def expires_at(self) -> float | None:
        """When its time is over."""
        return None if self.ttl_minutes is None else self.updated_at + self.ttl_minutes * 60


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run. `seq` counts 1, 2, 3, … across attempts without a gap; `data` is JSON."""

    seq: int
    name: str
    data: bytes


class RunStore(ABC):
    """Durable queue and record of runs."""

    @abstractmethod
    async def add(self, records: Sequence[RunRecord], threads: Sequence[ThreadRecord] = ()) -> None:
        """Commit all of the runs and threads or none. A run may come already claimed by the process that adds it."""

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
    async def settle(self, run_id: str, claim: str, outcome: Outcome, left: ThreadState | None = None) -> RunRecord:
        """Write the outcome, once, with what the run left in its thread if that is kept.

        Raises LeaseLost if the run is not running under `claim`.
        """

    @abstractmethod
    async def cancel_pending(self, run_id: str, outcome: Outcome, left: ThreadState | None = None) -> RunRecord | None:
        """End the run before it starts; None if it is not pending any more."""

    @abstractmethod
    async def remove(self, run_id: str, left: ThreadState | None = None) -> None:
        """Forget the run at once; its thread, if it is kept, stays as the run left it."""

    @abstractmethod
    async def sweep(self) -> tuple[list[str], float | None]:
        """Forget ended runs whose retention is over: their ids, and when the next will be due for it."""


class ThreadStore(ABC):
    """The threads that are kept. What runs leave in them is written with the runs."""

    @abstractmethod
    async def add(self, record: ThreadRecord) -> bool:
        """Commit the thread; False if there is one with its id."""

    @abstractmethod
    async def get(self, thread_id: str) -> ThreadRecord | None:
        """The thread, or None if it is unknown or its time is over."""

    @abstractmethod
    async def remove(self, thread_id: str) -> None:
        """Forget the thread at once."""

    @abstractmethod
    async def expired(self) -> tuple[list[ThreadRecord], float | None]:
        """The threads whose time is over, and when the next one's will be."""


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
    """What a `DATABASE_URI` names, and whether it outlives the process."""

    runs: RunStore
    threads: ThreadStore
    events: EventLog
    durable: bool
