"""Events that are encrypted in a store that processes share. In the memory of one process they are as they are."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable, Mapping, Sequence
from dataclasses import replace
from time import monotonic
from typing import Any, TypeVar

import structlog

from treadle.background import RETRY_PERIOD
from treadle.encryption.sealing import PATIENCE, Sealing, each
from treadle.errors import EncryptionFailed
from treadle.storage.contract.events import Event
from treadle.storage.contract.runs import RunRecord
from treadle.storage.events.rows import EventRows, Page, Reader

T = TypeVar("T")
Events = Sequence[tuple[str, bytes]]
log = structlog.get_logger("treadle.encryption")


class EventsNotEncrypted(Exception):
    """The events of a run could not be encrypted in time."""


class EncryptedEventRows(EventRows):
    """Seals the data of events with the context of their run. Their names and numbers stay as they are."""

    def __init__(self, inner: EventRows, sealing: Sealing) -> None:
        self._inner = inner
        self._sealing = sealing
        self._latest: dict[str, asyncio.Task[Any]] = {}  # by run: encrypting takes time, and verbs keep their order

    async def until_written(self, run_id: str | None = None, within: float | None = None) -> None:
        """Wait until the store has been asked for all that was asked here before: of one run, or of all."""
        asked = [task for of, task in self._latest.items() if run_id in (None, of)]
        if asked:
            await asyncio.wait(asked, timeout=within)

    async def begun(self, run_id: str) -> tuple[bool, int] | None:
        await self.until_written(run_id)
        return await self._inner.begun(run_id)

    async def shared(self) -> Sequence[str]:
        return await self._inner.shared()

    def add(self, run: RunRecord, last: int, events: Events) -> asyncio.Future[bool]:
        return self._in_turn(run.run_id, lambda: self._add(run, last, events))

    async def _add(self, run: RunRecord, last: int, events: Events) -> bool:
        return await self._inner.add(run, last, await self._sealed(run, events))

    async def _sealed(self, run: RunRecord, events: Events) -> Events:
        async def sealed(event: tuple[str, bytes]) -> tuple[str, bytes]:
            name, data = event
            return name, await self._sealing.blob(run.encryption or {}, "run", "event", data)

        began = monotonic()
        while run.unreadable is None:
            try:
                return await self._sealing.here(lambda: each(sealed, events))
            except EncryptionFailed as error:
                log.error("events cannot be encrypted", run_id=run.run_id, error=str(error))
                if monotonic() - began > PATIENCE:
                    break
            await asyncio.sleep(RETRY_PERIOD)
        else:
            return events  # only the error that it cannot be decrypted
        raise EventsNotEncrypted

    def trim(self, run_id: str, claim: str, floor: int) -> asyncio.Future[None]:
        if run_id not in self._latest:
            return self._inner.trim(run_id, claim, floor)

        async def trimmed() -> None:
            await self._inner.trim(run_id, claim, floor)

        return self._in_turn(run_id, trimmed)

    async def slowest(self, run_id: str) -> int | None:
        return await self._inner.slowest(run_id)

    def shed(self, run_id: str, cursor: float) -> asyncio.Future[None]:
        return self._inner.shed(run_id, cursor)

    async def page(self, run_id: str, cursor: int) -> Page:
        async def opened(event: Event) -> Event:
            return event._replace(data=await self._sealing.open_blob("run", "event", event.data))

        found = await self._inner.page(run_id, cursor)
        if not found.events:
            return found
        return replace(found, events=await self._sealing.here(lambda: each(opened, found.events)))

    async def last(self, run_id: str) -> int:
        await self.until_written(run_id)
        return await self._inner.last(run_id)

    async def states(self, run_ids: Sequence[str]) -> Mapping[str, Hashable]:
        return await self._inner.states(run_ids)

    def enter(self, reader: Reader, cursor: int) -> asyncio.Future[None]:
        return self._inner.enter(reader, cursor)

    async def is_entered(self, reader: Reader) -> bool:
        return await self._inner.is_entered(reader)

    def stay(self, process: str) -> asyncio.Future[None]:
        return self._inner.stay(process)

    def leave(self, reader: Reader) -> asyncio.Future[None]:
        return self._inner.leave(reader)

    def _in_turn(self, run_id: str, work: Callable[[], Coroutine[Any, Any, T]]) -> asyncio.Task[T]:
        """Do `work` when the earlier work on the events of the run has ended."""
        before = self._latest.get(run_id)

        async def done() -> T:
            if before is not None:
                await asyncio.wait([before])
            return await work()

        task = self._latest[run_id] = asyncio.create_task(done())
        task.add_done_callback(lambda over: self._over(run_id, over))
        return task

    def _over(self, run_id: str, task: asyncio.Task[Any]) -> None:
        if self._latest.get(run_id) is task:
            del self._latest[run_id]
        if not task.cancelled():
            task.exception()  # seen: the future need not be awaited
