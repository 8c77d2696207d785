"""How processes learn of each other's commits, and follow runs that are executed elsewhere."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from itertools import count
from time import monotonic
from typing import Any

import orjson
from uuid_utils import uuid4

from treadle.errors import StorageUnavailable
from treadle.storage.contract.events import END, Event, Follower
from treadle.storage.contract.runs import ENDED, RunRecord
from treadle.storage.contract.store import Changes
from treadle.storage.sqlite.database import Database, Row, statements

SQL = statements("events.sql")
# Bytes of data, and events, that a follower reads from the file at once.
PAGE_BYTES = 64 * 1024
PAGE = 500
# Seconds after which a look that failed is repeated.
RETRY_PERIOD = 0.1
# Looking takes at most this part of the time, however many follow.
SHARE = 0.25


class SqliteChanges(Changes):
    """Notices commits of other processes, and not those of this one."""

    def __init__(self, database: Database) -> None:
        self._watchers: list[Callable[[], None]] = []
        self._changed = asyncio.Event()
        self._look_at = 0.0
        self._looking: asyncio.TimerHandle | None = None
        database.listen(self._hear)

    async def next(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def watch(self, watcher: Callable[[], None]) -> None:
        """Call `watcher` whenever another process has committed something."""
        self._watchers.append(watcher)

    def stop(self) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()

    def _hear(self) -> None:
        if self._looking is None:
            self._looking = asyncio.get_running_loop().call_later(self._look_at - monotonic(), self._look)

    def _look(self) -> None:
        self._looking = None
        started = monotonic()
        try:
            for watcher in self._watchers:
                watcher()
        except StorageUnavailable:
            self._look_at = started + RETRY_PERIOD
            self._hear()
            return
        self._changed.set()
        ended = monotonic()
        self._look_at = ended + (ended - started) / SHARE


class Followers:
    """The followers of this process that read the file. Each is woken when its run may have changed.

    A follower that reads events has a row with its cursor in the file while this process renews it: so the process
    that writes the events can wait for it.
    """

    def __init__(self, database: Database, changes: SqliteChanges, clock: Callable[[], float], lease: float) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease
        self._process = str(uuid4())
        self._numbers = count()
        self._of_run: dict[str, dict[int, _FileFollower]] = {}
        self._known: dict[str, list[Any]] = {}
        self._closed = False
        self._task = asyncio.create_task(self._renew_forever())
        changes.watch(self._look)

    def add(self, run_id: str, after: int | None, buffer_bytes: int) -> Follower:
        """Follow a run from the event after `after`, as `EventLog.follow`."""
        number = next(self._numbers)
        follower = _FileFollower(self, self._database, run_id, number, after, buffer_bytes)
        self._of_run.setdefault(run_id, {})[number] = follower
        if self._closed:
            follower.break_off()
        elif after != END:
            self.enter(follower)
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

    def enter(self, follower: _FileFollower) -> None:
        """Say in the file how far a follower has read."""
        row = (follower.run_id, self._process, follower.number, follower.cursor, self._clock() + self._lease)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(SQL["share"], (follower.run_id,))
            connection.execute(SQL["enter"], row)

        follower.entered = self._database.write_soon(work)

    def is_entered(self, follower: _FileFollower) -> bool:
        """Whether the file still has a follower that was entered."""
        which = (follower.run_id, self._process, follower.number)
        return bool(self._database.read(SQL["entered"], *which))

    def remove(self, follower: _FileFollower) -> None:
        """Forget a follower."""
        followers = self._of_run.get(follower.run_id, {})
        if followers.pop(follower.number, None) is None:
            return
        if not followers:
            del self._of_run[follower.run_id]
            self._known.pop(follower.run_id, None)
        if follower.cursor != END:
            row = (follower.run_id, self._process, follower.number)
            self._database.write_soon(lambda connection: connection.execute(SQL["leave"], row))

    def _look(self) -> None:
        """Wake those of whose run another process has written something."""
        if self._of_run:
            for run_id, *state in self._database.read(SQL["states"], orjson.dumps(list(self._of_run))):
                if self._known.get(run_id) != state:
                    self._known[run_id] = state
                    self.wake(run_id)

    async def _renew_forever(self) -> None:
        while True:
            await asyncio.sleep(self._lease / 3)
            if self._of_run:
                self._database.write_soon(self._stay)

    def _stay(self, connection: sqlite3.Connection) -> None:
        connection.execute(SQL["stay"], (self._clock() + self._lease, self._process))


class _FileFollower(Follower):
    """Reads a run's events from the file until the run has ended."""

    def __init__(
        self, followers: Followers, database: Database, run_id: str, number: int, after: int | None, buffer_bytes: int
    ) -> None:
        self._followers = followers
        self._database = database
        self._entered_every = buffer_bytes / 4
        self._unentered = 0
        self._begun = False
        self._nudged = False
        self._left = False
        self._waiter: asyncio.Future[None] | None = None
        self.run_id = run_id
        self.number = number
        # As in memory: "from now on" without a cursor, or with one beyond the last event.
        self.cursor = END if after == END else self._last() if after is None else min(after, self._last())
        self.ended = False
        self.broken = False
        self.final: RunRecord | None = None
        self.entered: asyncio.Future[None] | None = None
        """Done when the file knows of this follower."""

    async def next(self) -> Sequence[Event]:
        while True:
            # In this order: once the end of the run is visible, so are all of its events.
            over = self._left or self._has_ended()
            events = [] if self.cursor == END else self._read()
            if events:
                return events
            if over or self._left:
                self.ended = True
                self.broken |= not self._left and self._was_forgotten()
                self.close()
                return ()
            if self._nudged:
                self._nudged = False
                return ()
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter

    def nudge(self) -> None:
        self._nudged = True
        self.wake()

    def close(self) -> None:
        self._left = True
        self._followers.remove(self)
        self.wake()

    def wake(self) -> None:
        """Look again whether there is something new."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def break_off(self) -> None:
        """End before the run does."""
        self.broken = True
        self.close()

    def _has_ended(self) -> bool:
        rows = self._database.read(SQL["status"], self.run_id)
        return not rows or rows[0][0] in ENDED

    def _was_forgotten(self) -> bool:
        """Whether this process stood still for so long that events may have gone unread."""
        known = self.entered is not None and self.entered.done() and self.entered.exception() is None
        return known and not self._followers.is_entered(self)

    def _read(self) -> list[Event]:
        room = PAGE_BYTES

        def more(row: Row) -> bool:
            nonlocal room
            room -= len(row[2])
            return room > 0

        rows = self._database.read_while(more, SQL["after"], self.run_id, self.cursor, PAGE)
        if rows and self._begun and rows[0][0] != self.cursor + 1:
            self.break_off()  # this process stood still for too long, and the writer went on
            return []
        if rows:
            self._begun = True
            self.cursor = rows[-1][0]
            self._unentered += PAGE_BYTES - room
            if self._unentered > self._entered_every and not self._left:
                self._unentered = 0
                self._followers.enter(self)
        return [Event(*row) for row in rows]

    def _last(self) -> int:
        last: int | None = self._database.read(SQL["last"], self.run_id)[0][0]
        return last or 0
