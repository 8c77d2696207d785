"""Kept threads and their states."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

ThreadStatus = Literal["idle", "busy", "interrupted", "error"]
TtlStrategy = Literal["delete", "keep_latest"]


@dataclass(frozen=True, slots=True)
class ThreadTtl:
    """How long a thread stays as it is after its last change, and what happens then."""

    minutes: float | None = None
    """None: for ever."""
    strategy: TtlStrategy = "delete"
    """Whether it is deleted, or only its older checkpoints are."""


@dataclass(frozen=True, slots=True)
class ThreadState:
    """The state of a kept thread: busy while its run is pending or running, then what the run left."""

    status: ThreadStatus = "idle"
    values: bytes | None = None
    """The graph's state, as JSON."""
    error: bytes | None = None
    """Why the last run failed or was cancelled, as JSON."""
    interrupts: bytes | None = b"{}"
    """Open interrupts by task id, as JSON; None after a rollback, when they are not known."""


@dataclass(frozen=True, slots=True)
class ThreadRecord:
    """A kept thread. The thread of a temporary run is not stored: it exists as long as the run does."""

    thread_id: str
    graph_id: str | None
    """The graph that wrote its checkpoints; None if it has none."""
    metadata: dict[str, Any]
    config: dict[str, Any]
    graph_config: dict[str, Any]
    """The config of its last run: a factory may need it to make the graph again."""
    created_at: float
    updated_at: float
    state_updated_at: float
    state: ThreadState = ThreadState()
    ttl: ThreadTtl = ThreadTtl()
    pruned: bool = False
    """Whether its older checkpoints have been deleted since its last change."""

    @property
    def expires_at(self) -> float | None:
        """When it expires; None while it is busy, without a TTL, and when it is pruned."""
        if self.ttl.minutes is None or self.pruned or self.state.status == "busy":
            return None
        return self.updated_at + self.ttl.minutes * 60


class ThreadStore(ABC):
    """Kept threads. The state that a run leaves in its thread is written by the RunStore."""

    @abstractmethod
    async def add(self, record: ThreadRecord) -> bool:
        """Commit the thread; False if its id is taken."""

    @abstractmethod
    async def get(self, thread_id: str) -> ThreadRecord | None:
        """The thread, or None if it is unknown or has expired and is to be deleted."""

    @abstractmethod
    async def of_assistant(self, assistant_id: str) -> list[str]:
        """The ids of the threads whose metadata names the assistant."""

    @abstractmethod
    async def remove(self, thread_id: str) -> None:
        """Delete the thread at once."""

    @abstractmethod
    async def mark_pruned(self, thread_id: str) -> None:
        """Note that the older checkpoints of an expired thread have been deleted: it expires after its next change."""

    @abstractmethod
    async def expired(self) -> tuple[list[ThreadRecord], float | None]:
        """The expired threads, and the time at which the next one expires."""
