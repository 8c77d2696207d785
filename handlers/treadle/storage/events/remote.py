"""Followers of runs that other processes execute: they read the events from the store."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from contextlib import ExitStack
from itertools import count

from uuid_utils import uuid4

from treadle.background import forever
from treadle.storage.contract.events import END, Event, Follower
from treadle.storage.contract.runs import RunRecord
from treadle.storage.events.rows import EventRows, Reader


class RemoteFollowers:
    """The followers of this process that read the store. Each is woken when its run may have changed.

    A follower of events is entered in the store with its cursor while this process renews it: so the process that
    writes the events can wait for it.
    """

    def __init__(self, rows: EventRows, lease: float, buffer_bytes: int) -> None:
        self._rows = rows
        self._lease = lease
        self._entered_every = buffer_bytes / 4
        self._process = str(uuid4())
        self._numbers = count()
        self._of_run: dict[str, dict[int, RemoteFollower]] = {}
        self._known: dict[str, Hashable] = {}
        self._closed = False
        self._gone = asyncio.Event()
        self._task = asyncio.create_task(forever(self._renew_forever))

    async def add(self, run_id: str, after: int | None) -> Follower:
        """Follow a run from the event after `after`, as `EventLog.follow`."""
        reader = Reader(run_id, self._process, next(self._numbers))
        follower = RemoteFollower(self, self._rows, reader, self._entered_every)
        # Known before the read: the run may end during it.
        self._of_run.setdefault(run_id, {})[reader.number] = follower
        with ExitStack() as undo:
            undo.callback(follower.close)
            if after != END:  # "from now on" without a cursor, or with one beyond the last event
                last = await self._rows.last(run_id)
                follower.cursor = last if after is None else min(after, last)
            undo.pop_all()
        if self._closed:
            follower.break_off()
        elif after != END:
            follower.enter()
        return follower

    def wake(self, run_id: str) -> None:
        """There is something new of the run."""
        for follower in self._of_run.get(run_id, {}).values():
            follower.wake()

    def finish(self, run_id: str, final: RunRecord) -> None:
        """The run has ended, through this process: it may be forgotten before its followers look."""
        for follower in self._of_run.get(run_id, {}).values():
            follower.final = final

    def close_all(self) -> None:
        """End all followers as `broken`, later ones included."""
        self._closed = True
        self._task.cancel()
        for follower in [each for followers in self._of_run.values() for each in followers.values()]:
            follower.break_off()

    async def until_none(self) -> None:
        """Return when there is no follower."""
        while self._of_run:
            self._gone.clear()
            await self._gone.wait()

    def remove(self, follower: RemoteFollower) -> None:
        """Forget a follower."""
        reader = follower.reader
        followers = self._of_run.get(reader.run_id, {})
        if followers.pop(reader.number, None) is None:
            return
        if not followers:
            del self._of_run[reader.run_id]
            self._known.pop(reader.run_id, None)
            self._gone.set()
        if follower.cursor != END:
            self._rows.leave(reader)

    async def look(self) -> None:
        """Wake the followers of runs that another process has changed."""
        if self._of_run:
            for run_id, state in (await self._rows.states(list(self._of_run))).items():
                if self._known.get(run_id) != state:
                    self._known[run_id] = state
                    self.wake(run_id)

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            if self._of_run:
                self._rows.stay(self._process)


class RemoteFollower(Follower):
    """Reads a run's events from the store until the run has ended."""

    def __init__(self, followers: RemoteFollowers, rows: EventRows, reader: Reader, entered_every: float) -> None:
        self._followers = followers
        self._rows = rows
        self.reader = reader
        self._entered_every = entered_every
        self._entered: asyncio.Future[None] | None = None
        self._unentered = 0
        self._begun = False
        self._unread = True
        self._over = False
        self._nudged = False
        self._left = False
        self._woken = asyncio.Event()
        self.cursor = END
        self.ended = False
        self.broken = False
        self.final: RunRecord | None = None

    async def next(self) -> Sequence[Event]:
        while True:
            if not (self._unread or self._over or self._left or self._nudged):
                await self._woken.wait()
            self._woken.clear()  # before the read: what changes during it is looked at again
            events = () if self._over or self._left else await self._read()
            if events:
                return events
            if self._over or self._left:
                self.ended = True
                forgotten = not self._left and await self._was_forgotten()
                self.broken |= forgotten
                self.close()
                return ()
            if self._nudged:
                self._nudged = False
                return ()

    def nudge(self) -> None:
        self._nudged = True
        self.wake()

    def close(self) -> None:
        self._left = True
        self._followers.remove(self)
        self.wake()

    def wake(self) -> None:
        """Look again whether there is something new."""
        self._woken.set()

    def break_off(self) -> None:
        """End before the run does."""
        self.broken = True
        self.close()

    def enter(self) -> None:
        """Say in the store how far this follower has read."""
        self._entered = self._rows.enter(self.reader, self.cursor)

    async def _was_forgotten(self) -> bool:
        """Whether this process stood still for so long that events may have gone unread."""
        entered = self._entered
        known = entered is not None and entered.done() and entered.exception() is None
        return known and not await self._rows.is_entered(self.reader)

    async def _read(self) -> Sequence[Event]:
        self._unread = True
        page = await self._rows.page(self.reader.run_id, self.cursor)
        self._unread, self._over = page.is_full, page.ended and not page.is_full
        events = page.events
        if not events:
            return ()
        if self._begun and events[0].seq != self.cursor + 1:
            self.break_off()  # this process stood still for too long, and the writer went on
            return ()
        self._begun = True
        self.cursor = events[-1].seq
        self._unentered += sum(len(event.data) for event in events)
        if self._unentered > self._entered_every and not self._left:
            self._unentered = 0
            self.enter()
        return events
