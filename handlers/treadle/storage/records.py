"""What is stored: runs, their outcomes and events, and the threads that are kept.

Times are seconds since the epoch by the store's own clock. Storage knows JSON, not the API's models: a change of the
contract is never a schema migration.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

Status = Literal["pending", "running", "error", "success", "timeout", "interrupted"]
ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
CancelAction = Literal["interrupt", "rollback"]

ENDED: Final = frozenset({"error", "success", "timeout", "interrupted"})
"""The states that a run does not leave."""


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
    shared: bool = False
    """Whether its events are written where every process finds them, and not only while somebody asks for them."""
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
class Once:
    """A request that creates its runs once, however often it comes: `key` stands for it, among those of `caller`."""

    caller: str
    key: str
    fingerprint: str
    """What the request was: another one cannot have its key."""
    expires_at: float
    """When the key may stand for another request. Its runs are kept as long, unless they have to make room."""
    run_ids: tuple[str, ...] = ()
    """What it created, once it has."""


@dataclass(frozen=True, slots=True)
class CancelRequest:
    """What another process wants of a running run."""

    action: CancelAction
    reason: str


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
        """When its time is over: not while it is busy."""
        if self.ttl_minutes is None or self.state.status == "busy":
            return None
        return self.updated_at + self.ttl_minutes * 60


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run. `seq` counts 1, 2, 3, … across attempts without a gap; `data` is JSON."""

    seq: int
    name: str
    data: bytes
