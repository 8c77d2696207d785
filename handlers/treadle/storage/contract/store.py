"""The whole store that `DATABASE_URI` names."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.storage.contract.assistants import AssistantStore
from treadle.storage.contract.deliveries import DeliveryStore
from treadle.storage.contract.events import EventLog
from treadle.storage.contract.feedback import FeedbackStore
from treadle.storage.contract.runs import RunStore
from treadle.storage.contract.threads import ThreadStore


class Changes(ABC):
    """Notices changes that other processes make to the same store."""

    @abstractmethod
    async def next(self) -> None:
        """Wait until another process may have added, claimed, cancelled or ended a run since the last call."""


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
    checkpoints: Path | None
    """The file for the checkpoints of kept threads; None: they are in memory."""
    items: Path | None
    """The file for the items that graphs store; None: they are in memory."""
    durable: bool
    close: Callable[[], Coroutine[Any, Any, None]]
    """Writes what is waiting, and closes files and connections."""

    def __repr__(self) -> str:
        return f"<Storage {type(self.runs).__name__} {'durable' if self.durable else 'in memory'}>"
