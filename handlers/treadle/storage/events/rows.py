"""What a store that several processes share supplies for events: rows of events, and of their readers' cursors."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from treadle.storage.contract.events import Event
from treadle.storage.contract.runs import RunRecord

PAGE = 500
"""Events of a page, at most."""
PAGE_BYTES = 64 * 1024
"""Bytes of data after which a page is full; at least one event is on it."""


@dataclass(frozen=True, slots=True)
class Reader:
    """A follower in one process, as the process that writes the events knows it."""

    run_id: str
    process: str
    number: int


@dataclass(frozen=True, slots=True)
class Page:
    """Events of a run after a cursor, in order."""

    events: Sequence[Event]
    is_full: bool
    """Whether there may be more of them."""
    ended: bool
    """Whether the run has ended or is unknown: no events come after those that can be read."""

    @classmethod
    def of(cls, events: Sequence[Event], *, ended: bool) -> Page:
        """The page of events that a store has read up to its limits."""
        return cls(events, len(events) >= PAGE or sum(len(event.data) for event in events) >= PAGE_BYTES, ended)


class EventRows(ABC):
    """Row verbs over which `SharedEventLog` is written.

    A run is *shared* when its events are written to the store. Reads and `add` raise StorageUnavailable (503). A verb
    that returns a future begins at once: the store carries it out before what it is asked later. Except for `add`, the
    future need not be awaited.
    """

    # For the process that writes the events.

    @abstractmethod
    async def begun(self, run_id: str) -> tuple[bool, int] | None:
        """Whether the run is shared, and the number of its last event (0: none); None if the run is unknown."""

    @abstractmethod
    async def shared(self) -> Sequence[str]:
        """The ids of the running runs that are shared."""

    @abstractmethod
    def add(self, run: RunRecord, last: int, events: Sequence[tuple[str, bytes]]) -> asyncio.Future[bool]:
        """Commit events, all or none, with the numbers after `last`. False if the run has another claim than this."""

    @abstractmethod
    def trim(self, run_id: str, claim: str, floor: int) -> asyncio.Future[None]:
        """Delete the events up to number `floor`. No effect if the run has another claim."""

    @abstractmethod
    async def slowest(self, run_id: str) -> int | None:
        """The smallest cursor of the readers whose process lives; None without readers."""

    @abstractmethod
    def shed(self, run_id: str, cursor: float) -> asyncio.Future[None]:
        """Forget the readers at this cursor or before it."""

    # For the processes of the readers.

    @abstractmethod
    async def page(self, run_id: str, cursor: int) -> Page:
        """Return the events after `cursor`, up to the limits of a page, and say whether the run has ended."""

    @abstractmethod
    async def last(self, run_id: str) -> int:
        """The number of the last event; 0 without events."""

    @abstractmethod
    async def states(self, run_ids: Sequence[str]) -> Mapping[str, Hashable]:
        """A value for each run that differs when its status or its last event has changed."""

    @abstractmethod
    def enter(self, reader: Reader, cursor: int) -> asyncio.Future[None]:
        """Make the run shared, and note that the reader has read up to `cursor`."""

    @abstractmethod
    async def is_entered(self, reader: Reader) -> bool:
        """Whether the reader is noted."""

    @abstractmethod
    def stay(self, process: str) -> asyncio.Future[None]:
        """The process lives: renew the leases of its readers."""

    @abstractmethod
    def leave(self, reader: Reader) -> asyncio.Future[None]:
        """Forget the reader."""


WithRows: TypeAlias = Callable[[EventRows], EventRows]
"""Makes other rows of those of a backend."""
