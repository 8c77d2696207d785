"""Kept threads in an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from treadle.encoding import dump
from treadle.storage.contract.threads import ThreadRecord, ThreadState, ThreadStore
from treadle.storage.rows.threads import COLUMNS, row_of, thread_of
from treadle.storage.sqlite.database import Database, statements

SQL = {name: text.replace("{columns}", COLUMNS) for name, text in statements("threads.sql").items()}


class SqliteThreadStore(ThreadStore):
    """The table `threads`. The transaction that settles a run writes the state that it leaves."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def add(self, record: ThreadRecord) -> bool:
        return await self._database.write(lambda connection: add_thread(connection, record))

    async def get(self, thread_id: str) -> ThreadRecord | None:
        rows = self._database.read(SQL["get"], thread_id, self._clock())
        return thread_of(rows[0]) if rows else None

    async def of_assistant(self, assistant_id: str) -> list[str]:
        return [row[0] for row in self._database.read(SQL["of_assistant"], dump({"assistant_id": assistant_id}))]

    async def remove(self, thread_id: str) -> None:
        await self._database.write(lambda connection: connection.execute(SQL["remove"], (thread_id,)))

    async def mark_pruned(self, thread_id: str) -> None:
        row = (thread_id, self._clock())
        await self._database.write(lambda connection: connection.execute(SQL["mark_pruned"], row))

    async def expired(self) -> tuple[list[ThreadRecord], float | None]:
        now = self._clock()
        over = [thread_of(row) for row in self._database.read(SQL["expired"], now)]
        upcoming: float | None = self._database.read(SQL["next_expiry"], now)[0][0]
        return over, upcoming


def add_thread(connection: sqlite3.Connection, record: ThreadRecord) -> bool:
    """Add the thread, if there is none with its id; inside a transaction."""
    return connection.execute(SQL["add"], row_of(record)).rowcount == 1


def leave(connection: sqlite3.Connection, thread_id: str, state: ThreadState | None, at: float) -> None:
    """Write the state that a run left in its thread, if the thread is kept. Inside a transaction."""
    if state is not None:
        row = (state.status, state.values, state.error, state.interrupts, at, at, at, thread_id)
        connection.execute(SQL["leave"], row)
