"""The storage contract: a durable queue and record of runs, the threads that are kept, and a log of each run's events.

Every backend keeps these promises; `tests/storage` holds them to it.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from treadle.errors import TreadleError
from treadle.storage.deliveries import DeliveryStore
from treadle.storage.records import (
    CancelRequest,
    Event,
    Feedback,
    Once,
    Outcome,
    RunRecord,
    Status,
    ThreadRecord,
    ThreadState,
)

END: Final = sys.maxsize
"""Cursor of a follower that wants no events, only to learn that the run has ended."""


class KeyTaken(TreadleError):
    """The key stands for an earlier request."""

    def __init__(self, earlier: Once) -> None:
        super().__init__()
        self.earlier = earlier


class RunStore(ABC):
    """Durable queue and record of runs.

    What a run owes at its end (see `Owe`) comes into the outbox in the transaction that ends it, however it ends.
    """

    @abstractmethod
    async def add(
        self, records: Sequence[RunRecord], threads: Sequence[ThreadRecord] = (), once: Once | None = None
    ) -> None:
        """Commit all of the runs and threads or none. A run may come already claimed by the process that adds it.

        Raises KeyTaken, and adds nothing, if the key of `once` stands for an earlier request: of those that come at
        the same instant, through whatever process, exactly one is the first. Raises QueueFull (503) if more runs would
        be pending than may; those that come claimed do not count.
        """

    @abstractmethod
    async def first(self, caller: str, key: str) -> Once | None:
        """The request that the caller's key stands for, or None if it is unknown or its time is over."""

    @abstractmethod
    async def get(self, run_id: str) -> RunRecord | None:
        """The run, or None if it is unknown or its retention has ended."""

    @abstractmethod
    async def find(self, *, thread_id: str | None = None, status: Status | None = None) -> list[RunRecord]:
        """The runs that fit, the newest first."""

    @abstractmethod
    async def claim(self, limit: int, held: Collection[str] = ()) -> list[RunRecord]:
        """Take up to `limit` runs, longest due first, each with a fresh claim; exactly one caller gets each.

        They are pending and due, or running under a lease that is over: those begin their next attempt. Left out are
        runs of graphs that this process does not have, and those that it still `held` when their lease ended.
        """

    @abstractmethod
    async def next_due(self, held: Collection[str] = ()) -> float | None:
        """When there may be something to claim again: a pending run falls due, or a lease ends; not of those `held`.
        None: not before a run is added.
        """

    @abstractmethod
    async def renew(self, claims: Mapping[str, str], *, extend: bool) -> dict[str, CancelRequest | None]:
        """Which of the runs are still held under these claims (run id -> claim), and what is wanted of them.

        With `extend` the lease of each begins anew.
        """

    @abstractmethod
    async def give_back(self, run_id: str, claim: str) -> None:
        """Make a running run pending again, as if this attempt had not been. Without effect under another claim."""

    @abstractmethod
    async def request_cancel(self, run_id: str, request: CancelRequest) -> bool:
        """Tell whoever runs the run. False if it is not running, or if it is being cancelled already: only a
        rollback may still take the place of an interrupt.
        """

    @abstractmethod
    async def settle(self, run_id: str, claim: str, outcome: Outcome, left: ThreadState | None = None) -> RunRecord:
        """Write the outcome, once, with what the run left in its thread if that is kept.

        Raises LeaseLost if the run is not running under `claim`.
        """

    @abstractmethod
    async def cancel_pending(self, run_id: str, outcome: Outcome, left: ThreadState | None = None) -> RunRecord | None:
        """End the run before it starts; None if it is not pending any more."""

    @abstractmethod
    async def remove(self, run_id: str, left: ThreadState | None = None, cut_off: Outcome | None = None) -> None:
        """Forget the run at once; its thread, if it is kept, stays as the run left it.

        With `cut_off`, which is how a run ends that has not ended yet, such a run still owes what it would at its end.
        """

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


class FeedbackStore(ABC):
    """What was said of runs. It is forgotten with its run, and counts as a part of it."""

    secret: bytes
    """For signing: one for all processes of the store, and as durable as the store."""

    @abstractmethod
    async def add(self, run_id: str, given: Feedback, most: int) -> None:
        """Commit one entry. Raises RunNotFound if the run is unknown or its retention has ended, FeedbackFull if it has
        `most` entries under the key.
        """

    @abstractmethod
    async def of_run(self, run_id: str) -> list[Feedback]:
        """The entries of a run, the oldest first."""


class Follower(ABC):
    """One reader of one run's events, at its own pace."""

    ended: bool
    """True once there is nothing more to come: `next` has then returned its last event."""
    broken: bool
    """True if it ended before the run did: whoever followed has to begin again, after the last event that it saw."""
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
    def expect(self, run: RunRecord) -> None:
        """A run is about to be added: from now on it can be followed."""

    @abstractmethod
    def open(self, run: RunRecord) -> None:
        """An attempt at the run begins here; only the events of a resumable run can be read again."""

    @abstractmethod
    def append(self, run_id: str, events: Sequence[tuple[str, bytes]]) -> None:
        """Add events as (name, JSON) pairs. Without effect once the run is closed or dropped."""

    @abstractmethod
    async def written(self, run_id: str) -> bool:
        """Wait until what was appended is where any process finds it, or nobody needs it any more.

        False if it never will be: the log was given up before.
        """

    @abstractmethod
    def close(self, run_id: str, final: RunRecord) -> None:
        """The run has ended and nothing more will come: followers end once they have read what is there."""

    @abstractmethod
    def abandon(self, run_id: str) -> None:
        """The attempt here is over, and the run is not: followers end `broken`."""

    @abstractmethod
    def disband(self) -> None:
        """This process ends: all followers end `broken`."""

    @abstractmethod
    def follow(self, run_id: str, after: int | None) -> Follower:
        """Follow from the event after `after`; None: from now on; END: wait for the end only.

        A run that nobody expects, or that has ended, yields an ended follower, after the events that are kept.
        """

    @abstractmethod
    async def room(self, run_id: str) -> None:
        """Wait until a follower's backlog leaves room for more events, or nobody follows."""

    @abstractmethod
    def full(self, run_id: str) -> bool:
        """Whether the writer should wait for `room` before it appends more."""

    @abstractmethod
    def shed(self, run_id: str) -> int:
        """Break off those who hold the run's writer up and have read nothing since the last such call; how many.

        In other processes, where progress is seen in large steps, nothing has to have been read for several calls.
        """

    @abstractmethod
    def drop(self, run_id: str) -> None:
        """Free the run's events."""


class Changes(ABC):
    """What other processes do with the same store."""

    @abstractmethod
    async def next(self) -> None:
        """Wait until another process may have added, claimed, cancelled or ended a run since the last call."""


@dataclass(frozen=True, slots=True)
class Storage:
    """What a `DATABASE_URI` names, and whether it outlives the process."""

    runs: RunStore
    threads: ThreadStore
    deliveries: DeliveryStore
    feedback: FeedbackStore
    events: EventLog
    changes: Changes
    durable: bool
    close: Callable[[], None]
    """Write what is left to write, and let go of files."""
