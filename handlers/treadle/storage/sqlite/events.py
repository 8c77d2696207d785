"""Events of runs: in memory for followers in the process of the run; in the file for other processes and replays."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

import structlog

from treadle.errors import StorageUnavailable
from treadle.storage.contract.events import END, EventLog, Follower
from treadle.storage.contract.runs import RunRecord
from treadle.storage.events.local import EVENT_BYTES, Budget, MemoryEventLog
from treadle.storage.sqlite.database import Database, statements
from treadle.storage.sqlite.following import Followers

SQL = statements("events.sql")
# Seconds after which events that could not be written are tried again.
RETRY_PERIOD = 1.0
# Seconds between two looks whether a slow follower in another process has caught up.
POLL_PERIOD = 0.04
# Checks without progress before a remote follower is ended.
STUCK = 5
log = structlog.get_logger("treadle.runs")
_Events = Sequence[tuple[str, bytes]]  # as (name, JSON)


class SqliteEventLog(EventLog):
    """Followers in the process of the run read its memory; all others read the file.

    The events of a run that is not resumable are written only when another process wants them, from then on.
    """

    def __init__(self, database: Database, followers: Followers, buffer_bytes: int, clock: Callable[[], float]) -> None:
        self._database = database
        self._followers = followers
        self._buffer_bytes = buffer_bytes
        self._clock = clock
        self._unwritten = Budget(buffer_bytes)
        self._here = MemoryEventLog(buffer_bytes)
        self._open: dict[str, RunRecord] = {}
        self._shared: dict[str, _Shared] = {}

    def expect(self, run: RunRecord) -> None:
        """Until it runs somewhere, a run is followed in the file; one that comes claimed runs here from the start."""
        if run.claim is not None:
            self._begin(run, run.shared or run.resumable, 0)

    def open(self, run: RunRecord) -> None:
        known = self._open.get(run.run_id)
        if known is not None and known.claim == run.claim:
            return
        if known is not None:
            self.abandon(run.run_id)  # its lease ended, and the next attempt is here as well
        # Events of an earlier attempt, and followers that have come since the run was claimed.
        rows = self._database.read(SQL["begun"], run.run_id)
        shared, last = rows[0] if rows else (run.shared or run.resumable, None)
        self._begin(run, shared, last or 0)

    def append(self, run_id: str, events: _Events) -> None:
        shared = self._shared.get(run_id)
        if shared is None:
            self._here.append(run_id, events)
            return
        shared.waiting += events
        self._count(shared, _size(events))
        if shared.idle.is_set():
            self._write(run_id, shared)

    async def written(self, run_id: str) -> bool:
        shared = self._shared.get(run_id)
        if shared is None:
            return True
        await shared.idle.wait()
        return shared.unwritten == 0

    def close(self, run_id: str, final: RunRecord) -> None:
        self._here.close(run_id, final)
        self._here.drop(run_id)  # replays read the file
        self._followers.finish(run_id, final)
        self._leave(run_id)

    def abandon(self, run_id: str) -> None:
        self._here.abandon(run_id)
        self._leave(run_id)

    def close_all(self) -> None:
        for run_id in list(self._open):
            self.abandon(run_id)
        self._followers.close_all()

    def follow(self, run_id: str, after: int | None) -> Follower:
        if run_id in self._open:
            # Events of an earlier attempt are only in the file.
            earlier = after is not None and run_id in self._shared and not self._here.has_all_after(run_id, after)
            if not earlier:
                return self._here.follow(run_id, after)
        return self._followers.add(run_id, after, self._buffer_bytes)

    async def room(self, run_id: str) -> None:
        while (shared := self._shared.get(run_id)) is not None and self._holds_up(shared):
            if shared.behind:
                await asyncio.sleep(POLL_PERIOD)  # followers of other processes say in the file how far they are
                self._trim(run_id, shared)
            else:
                await shared.idle.wait()
        await self._here.room(run_id)

    def full(self, run_id: str) -> bool:
        shared = self._shared.get(run_id)
        return self._here.full(run_id) or (shared is not None and self._holds_up(shared))

    def shed(self, run_id: str) -> int:
        shared = self._shared.get(run_id)
        if shared is not None and shared.behind:
            slowest = self._slowest(run_id)
            shared.stuck_for = shared.stuck_for + 1 if slowest == shared.stuck_at else 0
            shared.stuck_at = slowest
            if shared.stuck_for >= STUCK:
                self._database.write_soon(lambda connection: connection.execute(SQL["shed"], (run_id, slowest)))
        return self._here.shed(run_id)

    def drop(self, run_id: str) -> None:
        self._here.drop(run_id)
        self._leave(run_id)

    def share_what_is_wanted(self) -> None:
        """Begin to write the events of runs that another process follows."""
        if len(self._open) > len(self._shared):
            for (run_id,) in self._database.read(SQL["shared"]):
                run = self._open.get(run_id)
                if run is not None and run_id not in self._shared:
                    self._shared[run_id] = _Shared(run.claim or "", self._here.last(run_id))

    def _begin(self, run: RunRecord, shared: bool, last: int) -> None:
        self._open[run.run_id] = run
        self._here.open_at(run, last + 1)
        if shared:
            self._shared[run.run_id] = _Shared(run.claim or "", last)

    def _leave(self, run_id: str) -> None:
        self._open.pop(run_id, None)
        shared = self._shared.pop(run_id, None)
        if shared is not None:
            self._unwritten.held -= shared.unwritten  # not its own count, which says whether all was written
            shared.idle.set()
        self._followers.wake(run_id)

    def _write(self, run_id: str, shared: _Shared) -> None:
        """Write the waiting events. One write at a time, so that a repeated write is not overtaken."""
        events, shared.waiting = shared.waiting, []
        shared.idle.clear()
        written = self._database.write_soon(partial(_add, run_id, shared.claim, shared.last, events))
        written.add_done_callback(partial(self._written, run_id, shared, events))

    def _written(self, run_id: str, shared: _Shared, events: _Events, written: asyncio.Future[bool]) -> None:
        if self._shared.get(run_id) is not shared:
            return  # the attempt is over
        try:
            held = written.result()
        except StorageUnavailable as error:
            log.error("events cannot be written; trying again", run_id=run_id, error=str(error))
            shared.waiting[:0] = events
            asyncio.get_running_loop().call_later(RETRY_PERIOD, self._write, run_id, shared)
            return
        except Exception:  # nothing that another try would mend: the run must end all the same
            log.exception("events are lost", run_id=run_id)
            held = False
        self._count(shared, -_size(events))
        if held:
            # Only now: a client resumes after the number of an event that it has seen, which must stay that event's.
            self._here.append(run_id, events)
            shared.take(events)
            self._followers.wake(run_id)
            self._trim(run_id, shared)
        if held and shared.waiting:
            self._write(run_id, shared)
        else:
            if not held:  # mostly since the claim is lost: the waiting events are void
                shared.waiting.clear()
                self._count(shared, -shared.unwritten)
            shared.idle.set()

    def _count(self, shared: _Shared, size: int) -> None:
        shared.unwritten += size
        self._unwritten.held += size

    def _holds_up(self, shared: _Shared) -> bool:
        return shared.behind or self._unwritten.exceeded(shared.unwritten)

    def _trim(self, run_id: str, shared: _Shared) -> None:
        """Forget the oldest events beyond the limit, as far as every follower has read: a replay begins later then."""
        slowest = self._slowest(run_id) if shared.size > self._buffer_bytes else shared.last
        floor = 0
        while shared.size > self._buffer_bytes and len(shared.kept) > 1 and shared.kept[0][0] <= slowest:
            floor, size = shared.kept.popleft()
            shared.size -= size
        shared.behind = shared.size > self._buffer_bytes and slowest < shared.last
        if floor:
            self._database.write_soon(lambda connection: connection.execute(SQL["trim"], (run_id, floor, shared.claim)))

    def _slowest(self, run_id: str) -> float:
        """The last event that every follower in other processes has read."""
        try:
            slowest: int | None = self._database.read(SQL["slowest"], run_id, self._clock())[0][0]
        except StorageUnavailable:
            return 0  # assume that the followers have read nothing
        return END if slowest is None else slowest


@dataclass(slots=True)
class _Shared:
    """A run whose events are written to the file."""

    claim: str
    last: int
    """The number of the last event in the file."""
    waiting: list[tuple[str, bytes]] = field(default_factory=list)
    """Events that are written next, once those on their way are in the file."""
    unwritten: int = 0
    """Bytes of events that wait or are on their way."""
    idle: asyncio.Event = field(default_factory=asyncio.Event)
    """Set while nothing waits and nothing is on its way."""
    kept: deque[tuple[int, int]] = field(default_factory=deque)
    """Numbers and bytes of the events that this attempt has in the file."""
    size: int = 0
    behind: bool = False
    """Whether a follower in another process has yet to read events beyond the limit."""
    stuck_at: float = -1
    """The last event that the slowest of them had read at the last check."""
    stuck_for: int = 0
    """How often that has been the same."""

    def __post_init__(self) -> None:
        self.idle.set()

    def take(self, events: _Events) -> None:
        """Note events that are in the file now."""
        for _, data in events:
            self.last += 1
            self.kept.append((self.last, len(data) + EVENT_BYTES))
        self.size += _size(events)


def _size(events: _Events) -> int:
    return sum(len(data) + EVENT_BYTES for _, data in events)


def _add(run_id: str, claim: str, last: int, events: _Events, connection: sqlite3.Connection) -> bool:
    """Write events of a run; False if it is not held under this claim any more. Inside a transaction."""
    if connection.execute(SQL["holds"], (run_id, claim)).fetchone() is None:
        return False
    connection.executemany(SQL["add"], [(run_id, last + n, name, data) for n, (name, data) in enumerate(events, 1)])
    return True
