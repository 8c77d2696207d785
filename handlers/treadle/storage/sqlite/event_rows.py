"""Rows of events, and of their readers' cursors, in an SQLite file."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Hashable, Mapping, Sequence
from functools import partial

import orjson

from treadle.storage.contract.events import Event
from treadle.storage.contract.runs import ENDED, RunRecord
from treadle.storage.events.rows import PAGE, PAGE_BYTES, EventRows, Page, Reader
from treadle.storage.sqlite.database import Database, Row, statements

SQL = statements("events.sql")


class SqliteEventRows(EventRows):
    """The tables `events` and `readers`. A reader whose lease is over counts no more."""

    def __init__(self, database: Database, clock: Callable[[], float], lease: float) -> None:
        self._database = database
        self._clock = clock
        self._lease = lease

    async def begun(self, run_id: str) -> tuple[bool, int] | None:
        rows = self._database.read(SQL["begun"], run_id)
        return (bool(rows[0][0]), rows[0][1] or 0) if rows else None

    async def shared(self) -> Sequence[str]:
        return [run_id for (run_id,) in self._database.read(SQL["shared"])]

    def add(self, run: RunRecord, last: int, events: Sequence[tuple[str, bytes]]) -> asyncio.Future[bool]:
        return self._database.write_soon(partial(_add, run.run_id, run.claim or "", last, events))

    def trim(self, run_id: str, claim: str, floor: int) -> asyncio.Future[None]:
        return self._execute("trim", run_id, floor, claim)

    async def slowest(self, run_id: str) -> int | None:
        slowest: int | None = self._database.read(SQL["slowest"], run_id, self._clock())[0][0]
        return slowest

    def shed(self, run_id: str, cursor: float) -> asyncio.Future[None]:
        return self._execute("shed", run_id, cursor)

    async def page(self, run_id: str, cursor: int) -> Page:
        # In this order: once the end of the run is visible, so are all of its events.
        rows = self._database.read(SQL["status"], run_id)
        ended = not rows or rows[0][0] in ENDED
        room = PAGE_BYTES

        def more(row: Row) -> bool:
            nonlocal room
            room -= len(row[2])
            return room > 0

        found = self._database.read_while(more, SQL["after"], run_id, cursor, PAGE)
        return Page.of([Event(*row) for row in found], ended=ended)

    async def last(self, run_id: str) -> int:
        last: int | None = self._database.read(SQL["last"], run_id)[0][0]
        return last or 0

    async def states(self, run_ids: Sequence[str]) -> Mapping[str, Hashable]:
        return {run_id: tuple(state) for run_id, *state in self._database.read(SQL["states"], orjson.dumps(run_ids))}

    def enter(self, reader: Reader, cursor: int) -> asyncio.Future[None]:
        row = (reader.run_id, reader.process, reader.number, cursor, self._clock() + self._lease)

        def work(connection: sqlite3.Connection) -> None:
            connection.execute(SQL["share"], (reader.run_id,))
            connection.execute(SQL["enter"], row)

        return self._database.write_soon(work)

    async def is_entered(self, reader: Reader) -> bool:
        return bool(self._database.read(SQL["entered"], reader.run_id, reader.process, reader.number))

    def stay(self, process: str) -> asyncio.Future[None]:
        return self._execute("stay", self._clock() + self._lease, process)

    def leave(self, reader: Reader) -> asyncio.Future[None]:
        return self._execute("leave", reader.run_id, reader.process, reader.number)

    def _execute(self, statement: str, *parameters: object) -> asyncio.Future[None]:
        def work(connection: sqlite3.Connection) -> None:
            connection.execute(SQL[statement], parameters)

        return self._database.write_soon(work)


def _add(
    run_id: str, claim: str, last: int, events: Sequence[tuple[str, bytes]], connection: sqlite3.Connection
) -> bool:
    """Write events of a run; False if it is not held under this claim any more. Inside a transaction."""
    if connection.execute(SQL["holds"], (run_id, claim)).fetchone() is None:
        return False
    connection.executemany(SQL["add"], [(run_id, last + n, name, data) for n, (name, data) in enumerate(events, 1)])
    return True
