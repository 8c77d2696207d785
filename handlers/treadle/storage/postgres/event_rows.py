"""Rows of events, and of their readers' cursors, in a PostgreSQL database."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from treadle.errors import StorageUnavailable
from treadle.storage.contract.runs import RunRecord
from treadle.storage.events.rows import EventRows, Page, Reader
from treadle.storage.postgres.changes import PostgresChanges
from treadle.storage.postgres.database import Connection, Database, Row
from treadle.storage.postgres.event_pages import EventPages, fail, resolve

# Bytes that one statement adds, unless a single run has more.
BATCH_BYTES = 4 * 1024 * 1024


@dataclass(slots=True)
class _Batch:
    """Events of one attempt, with the numbers after `last`."""

    run_id: str
    claim: str
    last: int
    events: Sequence[tuple[str, bytes]]
    added: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def size(self) -> int:
        return sum(len(data) for _, data in self.events)


@dataclass(slots=True)
class _Step:
    """A statement, and what it tells other processes."""

    statement: str
    values: tuple[Any, ...]
    tells: str | None = None
    done: asyncio.Future[None] = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class PostgresEventRows(EventRows):
    """Reads and writes the tables `events` and `readers`. It ignores a reader whose lease is over.

    It writes one statement after the other. The next one has what all runs have added meanwhile.
    """

    def __init__(self, database: Database, changes: PostgresChanges, clock: Callable[[], float], lease: float) -> None:
        self._database = database
        self._changes = changes
        self._clock = clock
        self._lease = lease
        self._sql = database.statements("events.sql")
        self._pages = EventPages(database)
        self._waiting: list[_Batch | _Step] = []
        self._writing: asyncio.Task[None] | None = None

    async def begun(self, run_id: str) -> tuple[bool, int] | None:
        rows = await self._database.fetch(self._sql["begun"], run_id)
        return (rows[0][0], rows[0][1] or 0) if rows else None

    async def shared(self) -> Sequence[str]:
        return [run_id for (run_id,) in await self._database.fetch(self._sql["shared"])]

    def add(self, run: RunRecord, last: int, events: Sequence[tuple[str, bytes]]) -> asyncio.Future[bool]:
        batch = _Batch(run.run_id, run.claim or "", last, events)
        self._submit(batch)
        return _whether_awaited(batch.added)

    def trim(self, run_id: str, claim: str, floor: int) -> asyncio.Future[None]:
        return self._execute("trim", run_id, floor, claim)

    async def slowest(self, run_id: str) -> int | None:
        slowest: int | None = await self._database.value(self._sql["slowest"], run_id, self._clock())
        return slowest

    def shed(self, run_id: str, cursor: float) -> asyncio.Future[None]:
        return self._execute("shed", run_id, int(cursor))

    async def page(self, run_id: str, cursor: int) -> Page:
        return await self._pages.get(run_id, cursor)

    async def last(self, run_id: str) -> int:
        last: int | None = await self._database.value(self._sql["last"], run_id)
        return last or 0

    async def states(self, run_ids: Sequence[str]) -> Mapping[str, Hashable]:
        rows = await self._database.fetch(self._sql["states"], list(run_ids))
        return {run_id: tuple(state) for run_id, *state in rows}

    def enter(self, reader: Reader, cursor: int) -> asyncio.Future[None]:
        self._execute("share", reader.run_id, tells="wanted")
        until = self._clock() + self._lease
        return self._execute("enter", reader.run_id, reader.process, reader.number, cursor, until)

    async def is_entered(self, reader: Reader) -> bool:
        which = (reader.run_id, reader.process, reader.number)
        return bool(await self._database.fetch(self._sql["entered"], *which))

    def stay(self, process: str) -> asyncio.Future[None]:
        return self._execute("stay", self._clock() + self._lease, process)

    def leave(self, reader: Reader) -> asyncio.Future[None]:
        return self._execute("leave", reader.run_id, reader.process, reader.number)

    async def written(self) -> None:
        """Wait until all that was asked before has been carried out."""
        if self._writing is not None and not self._writing.done():
            with suppress(StorageUnavailable):
                await self._execute("nothing")

    async def close(self, within: float) -> None:
        """Wait until everything has been written, for so many seconds at most."""
        if self._writing is not None:
            await asyncio.wait([self._writing], timeout=within)
            self._writing.cancel()
            await asyncio.gather(self._writing, return_exceptions=True)

    def _execute(self, name: str, *values: Any, tells: str | None = None) -> asyncio.Future[None]:
        step = _Step(self._sql[name], values, tells)
        self._submit(step)
        return _whether_awaited(step.done)

    def _submit(self, item: _Batch | _Step) -> None:
        self._waiting.append(item)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.create_task(self._write_all())

    async def _write_all(self) -> None:
        while self._waiting:
            waiting, self._waiting = self._waiting, []
            for batches, together in groupby(waiting, lambda item: isinstance(item, _Batch)):
                if batches:
                    for part in _parts([item for item in together if isinstance(item, _Batch)]):
                        await self._add(part)
                else:
                    await self._carry_out([item for item in together if isinstance(item, _Step)])

    async def _carry_out(self, steps: Sequence[_Step]) -> None:
        """Carry out steps in one transaction, or else each for itself."""

        async def work(connection: Connection) -> list[list[Row]]:
            return [await connection.fetch(step.statement, *step.values) for step in steps]

        try:
            if len(steps) == 1:
                found = [await self._database.fetch(steps[0].statement, *steps[0].values)]
            else:
                found = await self._database.write(work)
        except Exception as error:
            if len(steps) > 1 and not isinstance(error, StorageUnavailable):
                for step in steps:
                    await self._carry_out([step])
            else:
                for step in steps:
                    fail(step.done, error)
            return
        for step, rows in zip(steps, found, strict=True):
            if step.tells is not None and rows:
                self._changes.tell(step.tells)
            resolve(step.done, None)

    async def _add(self, part: Sequence[_Batch]) -> None:
        held = [batch.run_id for batch in part], [batch.claim for batch in part]
        rows = [
            (batch.run_id, batch.last + number, name, data)
            for batch in part
            for number, (name, data) in enumerate(batch.events, 1)
        ]
        try:
            found = await self._database.fetch(self._sql["add"], *held, *map(list, zip(*rows, strict=True)))
        except StorageUnavailable as error:
            for batch in part:
                fail(batch.added, error)
            return
        except Exception as error:  # of the data of one of them, which must not fail the others
            if len(part) > 1:
                for batch in part:
                    await self._add([batch])
            else:
                fail(part[0].added, error)
            return
        holding = {run_id for (run_id,) in found}
        if holding:
            self._changes.tell("moved", *holding)
        for batch in part:
            resolve(batch.added, batch.run_id in holding)


def _parts(batches: Sequence[_Batch]) -> Iterator[list[_Batch]]:
    """The batches in groups for one statement each: those of one run follow one another, and come one to a group."""
    part: dict[str, _Batch] = {}
    size = 0
    for batch in batches:
        if part and (batch.run_id in part or size + batch.size > BATCH_BYTES):
            yield list(part.values())
            part, size = {}, 0
        part[batch.run_id] = batch
        size += batch.size
    if part:
        yield list(part.values())


def _whether_awaited(future: asyncio.Future[Any]) -> asyncio.Future[Any]:
    """Return the same future. asyncio then does not log its error if nobody waits for it."""
    future.add_done_callback(lambda done: None if done.cancelled() else done.exception())
    return future
