"""The event log of a store that several processes share.

Events stay in memory for followers in the process of the run. For other processes and for replays they are also written
to the store: those of resumable runs from the first one on, others from the moment when another process wants them.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial

import structlog

from treadle.errors import StorageUnavailable
from treadle.storage.contract.events import END, Audience, EventLog, Follower
from treadle.storage.contract.runs import RunRecord
from treadle.storage.events.buffers import EVENT_BYTES, Budget
from treadle.storage.events.local import MemoryEventLog
from treadle.storage.events.remote import RemoteFollowers
from treadle.storage.events.rows import EventRows

RETRY_PERIOD = 1.0
"""Seconds after which events that could not be written are tried again."""
POLL_PERIOD = 0.04
"""Seconds between two looks whether a slow follower in another process has caught up."""
STUCK = 5
"""Checks without progress before a follower in another process is ended."""
log = structlog.get_logger("treadle.runs")
Events = Sequence[tuple[str, bytes]]
"""Events to append, as (name, JSON)."""


class SharedEventLog(EventLog):
    """Followers in the process of the run read its memory; all others read the store."""

    def __init__(self, rows: EventRows, buffer_bytes: int, lease: float) -> None:
        self._rows = rows
        self._here = MemoryEventLog(buffer_bytes)
        self._elsewhere = RemoteFollowers(rows, lease, buffer_bytes)
        self._unwritten = Budget(buffer_bytes)
        self._open: dict[str, RunRecord] = {}
        self._writers: dict[str, _Writer] = {}

    def expect(self, run: RunRecord) -> None:
        """Until it runs somewhere, a run is followed in the store; one that comes claimed runs here from the start."""
        if run.claim is not None:
            self._begin(run, run.shared or run.resumable, 0)

    async def open(self, run: RunRecord) -> None:
        known = self._open.get(run.run_id)
        if known is not None and known.claim == run.claim:
            return
        if known is not None:
            self.abandon(run.run_id)  # its lease ended, and the next attempt is here as well
        # Events of an earlier attempt, and followers that have come since the run was claimed.
        shared, last = await self._rows.begun(run.run_id) or (run.shared or run.resumable, 0)
        self._begin(run, shared, last)
        if not shared:
            await self.share_what_is_wanted()  # a follower may have come during the read

    def audience(self, run_id: str) -> Audience:
        return self._here.audience(run_id)

    def append(self, run_id: str, events: Events) -> None:
        writer = self._writers.get(run_id)
        if writer is None:
            self._here.append(run_id, events)
        else:
            writer.append(events)

    async def written(self, run_id: str) -> bool:
        writer = self._writers.get(run_id)
        if writer is None:
            return True
        await writer.idle.wait()
        return writer.unwritten == 0

    def close(self, run_id: str, final: RunRecord) -> None:
        self._here.close(run_id, final)
        self._here.drop(run_id)  # replays read the store
        self._elsewhere.finish(run_id, final)
        self._leave(run_id)

    def abandon(self, run_id: str) -> None:
        self._here.abandon(run_id)
        self._leave(run_id)

    async def until_unfollowed(self) -> None:
        await self._elsewhere.until_none()

    def close_all(self) -> None:
        for run_id in list(self._open):
            self.abandon(run_id)
        self._elsewhere.close_all()

    async def follow(self, run_id: str, after: int | None) -> Follower:
        if run_id in self._open:
            # Events of an earlier attempt are only in the store.
            earlier = after is not None and run_id in self._writers and not self._here.has_all_after(run_id, after)
            if not earlier:
                return await self._here.follow(run_id, after)
        follower = await self._elsewhere.add(run_id, after)
        run = self._open.get(run_id)
        if run is not None and run_id not in self._writers and after != END:
            self._share(run, self._here.last(run_id))  # it began here meanwhile, and this process hears no own commit
        return follower

    async def room(self, run_id: str) -> None:
        while (writer := self._writers.get(run_id)) is not None and writer.is_full():
            if writer.behind:
                await asyncio.sleep(POLL_PERIOD)  # readers in other processes say in the store how far they are
                await writer.trim()
            else:
                await writer.idle.wait()
        await self._here.room(run_id)

    def full(self, run_id: str) -> bool:
        writer = self._writers.get(run_id)
        return self._here.full(run_id) or (writer is not None and writer.is_full())

    async def shed(self, run_id: str) -> int:
        writer = self._writers.get(run_id)
        if writer is not None:
            await writer.shed()
        return await self._here.shed(run_id)

    def drop(self, run_id: str) -> None:
        self._here.drop(run_id)
        self._leave(run_id)

    async def look(self) -> None:
        """Another process has committed something: wake the followers of its runs, and write what it wants to read."""
        await self._elsewhere.look()
        await self.share_what_is_wanted()

    def wake(self, run_id: str) -> None:
        """Another process has written events of the run, or has ended it."""
        self._elsewhere.wake(run_id)

    async def share_what_is_wanted(self) -> None:
        """Begin to write the events of runs that another process follows."""
        if len(self._open) > len(self._writers):
            for run_id in await self._rows.shared():
                run = self._open.get(run_id)
                if run is not None and run_id not in self._writers:
                    self._share(run, self._here.last(run_id))

    def _begin(self, run: RunRecord, shared: bool, last: int) -> None:
        self._open[run.run_id] = run
        self._here.open_at(run, last + 1)
        if shared:
            self._share(run, last)

    def _share(self, run: RunRecord, last: int) -> None:
        self._here.want_all(run.run_id)
        deliver = partial(self._deliver, run.run_id)
        self._writers[run.run_id] = _Writer(self._rows, run, last, self._unwritten, deliver)

    def _deliver(self, run_id: str, events: Events) -> None:
        """Events are in the store: show them to followers of every kind."""
        # Only now: a client resumes after the number of an event that it has seen, which must stay that event's.
        self._here.append(run_id, events)
        self._elsewhere.wake(run_id)

    def _leave(self, run_id: str) -> None:
        self._open.pop(run_id, None)
        writer = self._writers.pop(run_id, None)
        if writer is not None:
            writer.leave()
        self._elsewhere.wake(run_id)


class _Writer:
    """Writes the events of one attempt to the store, in order, and deletes the oldest ones beyond the limit."""

    def __init__(
        self, rows: EventRows, run: RunRecord, last: int, budget: Budget, deliver: Callable[[Events], None]
    ) -> None:
        self._rows = rows
        self._run = run
        self._run_id = run.run_id
        self._claim = run.claim or ""
        self._last = last
        self._budget = budget
        self._deliver = deliver
        self._waiting: list[tuple[str, bytes]] = []
        self._task: asyncio.Task[None] | None = None
        self._left = False
        self._kept: deque[tuple[int, int]] = deque()  # numbers and bytes of the events of this attempt in the store
        self._size = 0
        self._stuck_at: float = -1  # where the slowest reader was at the last check, and for how many checks
        self._stuck_for = 0
        self.unwritten = 0
        """Bytes of events that wait or are on their way."""
        self.idle = asyncio.Event()
        """Set while nothing waits and nothing is on its way."""
        self.idle.set()
        self.behind = False
        """Whether a reader in another process has yet to read events beyond the limit."""

    def append(self, events: Events) -> None:
        """Write events after those that are on their way."""
        self._waiting += events
        self._count(_size(events))
        if self.idle.is_set():
            self.idle.clear()
            self._task = asyncio.create_task(self._write_all(*self._submit()))

    def is_full(self) -> bool:
        """Whether the graph has to wait."""
        return self.behind or self._budget.exceeded(self.unwritten)

    def leave(self) -> None:
        """The attempt is over here."""
        self._left = True
        self._budget.held -= self.unwritten  # not its own count, which says whether all was written
        self.idle.set()

    async def trim(self) -> None:
        """Forget the oldest events beyond the limit, as far as every reader has read: a replay begins later then."""
        limit = self._budget.limit
        slowest = await self._slowest() if self._size > limit else self._last
        floor = 0
        while self._size > limit and len(self._kept) > 1 and self._kept[0][0] <= slowest:
            floor, size = self._kept.popleft()
            self._size -= size
        self.behind = self._size > limit and slowest < self._last
        if floor:
            self._rows.trim(self._run_id, self._claim, floor)

    async def shed(self) -> None:
        """End readers that block the graph and have made no progress in STUCK calls."""
        if not self.behind:
            return
        slowest = await self._slowest()
        self._stuck_for = self._stuck_for + 1 if slowest == self._stuck_at else 0
        self._stuck_at = slowest
        if self._stuck_for >= STUCK:
            self._rows.shed(self._run_id, slowest)

    def _submit(self) -> tuple[Events, asyncio.Future[bool]]:
        """Begin to write what waits."""
        events, self._waiting = self._waiting, []
        return events, self._rows.add(self._run, self._last, events)

    async def _write_all(self, events: Events, added: asyncio.Future[bool]) -> None:
        """Write one batch at a time, so that a repeated write is not overtaken."""
        while True:
            held = await self._is_held(events, added)
            if self._left:
                return
            self._count(-_size(events))
            if not held:  # mostly since the claim is lost: the waiting events are void
                self._waiting.clear()
                self._count(-self.unwritten)
                break
            for _, data in events:
                self._last += 1
                self._kept.append((self._last, len(data) + EVENT_BYTES))
            self._size += _size(events)
            self._deliver(events)
            await self.trim()
            if self._left:
                return
            if not self._waiting:
                break
            events, added = self._submit()
        self.idle.set()

    async def _is_held(self, events: Events, added: asyncio.Future[bool]) -> bool:
        """Whether the events have been written, since the run is held under this claim. Retries until that is known."""
        while not self._left:
            try:
                return await added
            except StorageUnavailable as error:
                log.error("events cannot be written; trying again", run_id=self._run_id, error=str(error))
                await asyncio.sleep(RETRY_PERIOD)
                added = self._rows.add(self._run, self._last, events)
            except Exception:  # nothing that another try would mend: the run must end all the same
                log.exception("events are lost", run_id=self._run_id)
                return False
        return False

    async def _slowest(self) -> float:
        """The last event that every reader in other processes has read."""
        try:
            slowest = await self._rows.slowest(self._run_id)
        except StorageUnavailable:
            return 0  # assume that the readers have read nothing
        return END if slowest is None else slowest

    def _count(self, size: int) -> None:
        self.unwritten += size
        self._budget.held += size


def _size(events: Events) -> int:
    return sum(len(data) + EVENT_BYTES for _, data in events)
