"""The whole store that `DATABASE_URI` names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeAlias

from treadle.storage.contract.assistants import AssistantStore
from treadle.storage.contract.deliveries import DeliveryStore
from treadle.storage.contract.events import EventLog
from treadle.storage.contract.feedback import FeedbackStore
from treadle.storage.contract.runs import RunStore
from treadle.storage.contract.threads import ThreadStore


class Changes(ABC):
    """Notices what other processes want of this one."""

    @abstractmethod
    async def next(self) -> None:
        """Wait until another process may have added, given back, removed or asked to cancel a run since the last."""


@dataclass(frozen=True, slots=True)
class DatabaseSchema:
    """A schema of a PostgreSQL database."""

    uri: str = field(repr=False)
    """`postgresql://…` of a server to which a connection stays the same between transactions."""
    name: str
    connections: int
    """How many connections one part of this process may have open at once."""
    timeout: float
    """Seconds that a statement may take, and that one waits for a connection."""
    named_by: str = "DATABASE_URI"
    """The setting that has the address."""


Place: TypeAlias = Path | DatabaseSchema | None
"""Where LangGraph keeps what is its own: a file, a schema, or, with None, this process's memory."""


@dataclass(frozen=True, slots=True, repr=False)
class Storage:
    """The parts of one store. `durable`: it outlives the process."""

    runs: RunStore
    threads: ThreadStore
    assistants: AssistantStore
    deliveries: DeliveryStore
    feedback: FeedbackStore
    events: EventLog
    changes: Changes
    clock: Callable[[], float]
    """The time of the store, by which everything in it is judged: seconds since the epoch."""
    checkpoints: Place
    """Where the checkpoints of kept threads are."""
    items: Place
    """Where the items are that graphs store."""
    durable: bool
    close: Callable[[], Coroutine[Any, Any, None]]
    """Writes what is waiting, and closes files and connections."""

    def __repr__(self) -> str:
        return f"<Storage {type(self.runs).__name__} {'durable' if self.durable else 'in memory'}>"
