"""The events of a run in the memory of one process, and the followers that read them. Confined to one event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from treadle.storage.contract.events import END, Audience, Event, Follower
from treadle.storage.contract.runs import RunRecord

EVENT_BYTES = 160
"""Bytes of an event in memory beside its data."""
PORTION = 64 * 1024
"""Bytes of events that a follower gets at once, or one larger event. They then leave the buffer."""
BUFFERS = 8
"""So many full buffers the runs of a process may have together."""
SHARE = 16
"""Beyond that, each run may have this part of a buffer before its graph has to wait."""


class Budget:
    """Limits of the bytes that runs buffer: of each run, and of all runs together."""

    __slots__ = ("held", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.held = 0

    def exceeded(self, size: int) -> bool:
        """Whether a run that holds `size` bytes holds too much."""
        return size > self.limit or (self.held > self.limit * BUFFERS and size > self.limit // SHARE)


class RunEvents:
    """The events of one run from number `first` on, and their followers."""

    __slots__ = (
        "audience",
        "broken",
        "budget",
        "closed",
        "events",
        "final",
        "first",
        "followers",
        "resumable",
        "size",
        "wanted",
        "writer",
    )

    def __init__(self, resumable: bool, budget: Budget) -> None:
        self.resumable = resumable
        self.wanted = resumable
        """Whether its events are wanted without a follower here."""
        self.audience = Audience(resumable)
        self.budget = budget
        self.events: list[Event] = []
        self.first = 1
        self.size = 0
        self.followers: list[MemoryFollower] = []
        self.closed = False
        self.broken = False
        self.final: RunRecord | None = None
        self.writer: asyncio.Future[None] | None = None

    @classmethod
    def nothing(cls) -> RunEvents:
        """Those of a run that is not here."""
        events = cls(resumable=False, budget=Budget(0))
        events.closed = True
        return events

    @property
    def last(self) -> int:
        """The number of the last event so far."""
        return self.first + len(self.events) - 1

    def want_all(self) -> None:
        """Have every event made from now on."""
        self.wanted = self.audience.listens = True

    def enter(self, follower: MemoryFollower) -> None:
        """Note a follower."""
        self.followers.append(follower)
        if follower.cursor != END:
            self.audience.listens = True

    def leave(self, follower: MemoryFollower) -> None:
        """Forget a follower, and free what only it had yet to read."""
        if follower in self.followers:
            self.followers.remove(follower)
            self.audience.listens = self.wanted or any(each.cursor != END for each in self.followers)
            self.trim()

    def append(self, events: Sequence[tuple[str, bytes]]) -> None:
        """Append events, and wake the followers that wait for them."""
        self.events += [Event(seq, name, data) for seq, (name, data) in enumerate(events, self.last + 1)]
        size = sum(len(data) + EVENT_BYTES for _, data in events)
        self.size += size
        self.budget.held += size
        self.trim()
        self.wake()

    def after(self, cursor: int) -> list[Event]:
        """The next portion of the events after `cursor`."""
        start = end = max(cursor + 1 - self.first, 0)
        if self.size <= PORTION:  # it counts more than the data
            return self.events[start:]
        size = 0
        while end < len(self.events) and size < PORTION:
            size += len(self.events[end].data)
            end += 1
        return self.events[start:end]

    def full(self) -> bool:
        """Whether too many events wait for a follower. Events kept only for a replay do not block the writer."""
        return self.budget.exceeded(self.size) and any(follower.cursor < self.last for follower in self.followers)

    def trim(self) -> None:
        """Free events that every follower has read: all of them, or those of a resumable run beyond the limit."""
        limit = self.budget.limit
        if self.resumable and self.size <= limit:
            return
        floor = min((follower.cursor for follower in self.followers), default=END)
        if floor >= self.last and not self.resumable:
            free, freed = len(self.events), self.size
        else:
            free = freed = 0
            for event in self.events:
                if event.seq > floor or (self.resumable and self.size - freed <= limit):
                    break
                freed += len(event.data) + EVENT_BYTES
                free += 1
        self.size -= freed
        self.budget.held -= freed
        del self.events[:free]
        self.first += free
        if self.writer is not None and not self.full():
            _resolve(self.writer)

    def shed(self) -> int:
        """End followers that lag and have read nothing since the last call; return their number."""
        lagging = [follower for follower in self.followers if follower.cursor < self.last]
        stuck = [follower for follower in lagging if follower.marked == follower.cursor]
        for follower in lagging:
            follower.marked = follower.cursor
        for follower in stuck:
            follower.break_off()
        return len(stuck)

    def forget(self) -> None:
        """Keep only the events that present followers have yet to read."""
        self.resumable = False
        self.trim()

    def wake(self) -> None:
        """Wake the followers that have something to do."""
        for follower in self.followers:
            if self.closed or follower.cursor < self.last:
                follower.wake()
        if self.closed and self.writer is not None:
            _resolve(self.writer)


class MemoryFollower(Follower):
    """Reads the events of a run in this process."""

    __slots__ = ("_broken_off", "_left", "_nudged", "_run", "_waiter", "cursor", "ended", "marked")

    def __init__(self, run: RunEvents, after: int | None) -> None:
        self._run = run
        # "From now on" without a cursor, or with one beyond the last event.
        self.cursor = END if after == END else run.last if after is None else min(after, run.last)
        self._waiter: asyncio.Future[None] | None = None
        self._nudged = False
        self._left = False
        self._broken_off = False
        self.ended = False
        self.marked = -1
        """Its cursor when it was last asked whether it reads at all."""
        run.enter(self)

    async def next(self) -> Sequence[Event]:
        while True:
            if self._broken_off:  # its unread events may be freed
                self.ended = True
                return ()
            events = self._run.after(self.cursor)
            if events:
                self.cursor = events[-1].seq
                self._run.trim()
                self.ended = self._run.closed and self.cursor >= self._run.last
                return events
            if self._run.closed or self._left:
                self.ended = True
                return ()
            if self._nudged:
                self._nudged = False
                return ()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    @property
    def final(self) -> RunRecord | None:  # type: ignore[override]
        return self._run.final

    @property
    def broken(self) -> bool:  # type: ignore[override]
        return self._broken_off or self._run.broken

    def break_off(self) -> None:
        """End before the run does."""
        self._broken_off = True
        self.close()

    def nudge(self) -> None:
        self._nudged = True
        self.wake()

    def close(self) -> None:
        self._left = True
        self._run.leave(self)
        self.wake()

    def wake(self) -> None:
        """Let a waiting `next` look again."""
        if self._waiter is not None:
            _resolve(self._waiter)


def _resolve(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
