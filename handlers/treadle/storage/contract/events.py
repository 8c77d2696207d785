"""Events of runs, and the followers that read them."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Final, NamedTuple

from treadle.storage.contract.runs import RunRecord

FROM_NOW: Final = None
"""Cursor of a follower that gets the events appended from now on."""
END: Final = sys.maxsize
"""Cursor of a follower that gets no events and only waits for the end of the run."""


class Event(NamedTuple):
    """One event of a run. `seq` counts 1, 2, 3, … across attempts without a gap; `data` is JSON."""

    seq: int
    name: str
    data: bytes


class Audience:
    """Whether anybody reads the events of a run, or will. If not, they need not be made.

    The server's loop writes it; the graph's loop, in another thread, looks at it before each event.
    """

    __slots__ = ("listens",)

    def __init__(self, listens: bool = False) -> None:
        self.listens = listens


class Follower(ABC):
    """Reads the events of one run, at its own pace."""

    cursor: int
    """The number of the last event that `next` has returned."""
    ended: bool
    """True once no more events will come: `next` has returned the last one."""
    broken: bool
    """True if the follower ended before the run: its client has to follow again after the last event it received."""
    final: RunRecord | None
    """The ended run, if it ended while this follower was open: its record may already be deleted."""

    def __repr__(self) -> str:
        state = "broken" if self.broken else "ended" if self.ended else "open"
        place = "at the end" if self.cursor == END else f"after event {self.cursor}"
        return f"<{type(self).__name__} {state} {place}>"

    @abstractmethod
    async def next(self) -> Sequence[Event]:
        """Wait for events after those already returned, and return them. Empty at the end, or after `nudge`."""

    @abstractmethod
    def nudge(self) -> None:
        """Make a waiting `next` return an empty sequence, so that its caller can do something else."""

    @abstractmethod
    def close(self) -> None:
        """Stop following. A waiting `next` returns, and events that no other follower needs are freed."""


class EventLog(ABC):
    """A log of events for each run. Followers get every event after their cursor, in order, exactly once."""

    @abstractmethod
    def expect(self, run: RunRecord) -> None:
        """Allow a run that is about to be added to be followed. If it is claimed, its attempt begins here."""

    @abstractmethod
    async def open(self, run: RunRecord) -> None:
        """Begin an attempt at a run that was claimed from the queue. No effect on one that was expected claimed.

        Only events of a resumable run can be replayed.
        """

    @abstractmethod
    def audience(self, run_id: str) -> Audience:
        """Who reads the events of a run whose attempt begins here."""

    @abstractmethod
    def append(self, run_id: str, events: Sequence[tuple[str, bytes]]) -> None:
        """Append events as (name, JSON) pairs. No effect once the run is closed or dropped."""

    @abstractmethod
    async def written(self, run_id: str) -> bool:
        """Wait until every process can read the appended events, or no process needs them.

        False if they were not written, because the attempt lost its claim or its log.
        """

    @abstractmethod
    def close(self, run_id: str, final: RunRecord) -> None:
        """End the log of a run that has ended as `final`. Followers end when they have read all events."""

    @abstractmethod
    def abandon(self, run_id: str) -> None:
        """End the attempt in this process while the run goes on. Followers end `broken`."""

    @abstractmethod
    async def until_unfollowed(self) -> None:
        """Return when this process has no followers of runs that other processes execute."""

    @abstractmethod
    def close_all(self) -> None:
        """End all followers as `broken`, because this process ends."""

    @abstractmethod
    async def follow(self, run_id: str, after: int | None) -> Follower:
        """Follow the run from the event after number `after`, or FROM_NOW, or only to its END.

        For a run that is unknown or has ended, the follower ends after the events that are kept.
        """

    @abstractmethod
    async def room(self, run_id: str) -> None:
        """Wait until the run's buffer has room for more events, or the run has no followers."""

    @abstractmethod
    def full(self, run_id: str) -> bool:
        """Whether the writer has to wait for `room` before it appends more."""

    @abstractmethod
    async def shed(self, run_id: str) -> int:
        """End followers that block the writer and have read nothing since the last call; return their number.

        A follower in another process, whose progress is seen in larger steps, is ended after several such calls.
        """

    @abstractmethod
    def drop(self, run_id: str) -> None:
        """Delete the events of the run."""
