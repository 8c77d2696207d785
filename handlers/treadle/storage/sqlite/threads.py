"""Kept threads in an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from treadle.encoding import dump, parse
from treadle.storage.contract.threads import ThreadRecord, ThreadState, ThreadStore, ThreadTtl
from treadle.storage.sqlite.database import Database, Row, statements

SQL = statements("threads.sql")


class SqliteThreadStore(ThreadStore):
    """The table `threads`. The transaction that settles a run writes the state that it leaves."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock

    async def add(self, record: ThreadRecord) -> bool:
        return await self._database.write(lambda connection: add_thread(connection, record))

    async def get(self, thread_id: str) -> ThreadRecord | None:
        rows = self._database.read(SQL["get"], thread_id, self._clock())
        return _record(rows[0]) if rows else None

    async def of_assistant(self, assistant_id: str) -> list[str]:
        return [row[0] for row in self._database.read(SQL["of_assistant"], dump({"assistant_id": assistant_id}))]

    async def remove(self, thread_id: str) -> None:
        await self._database.write(lambda connection: connection.execute(SQL["remove"], (thread_id,)))

    async def mark_pruned(self, thread_id: str) -> None:
        row = (thread_id, self._clock())
        await self._database.write(lambda connection: connection.execute(SQL["mark_pruned"], row))

    async def expired(self) -> tuple[list[ThreadRecord], float | None]:
        now = self._clock()
        over = [_record(row) for row in self._database.read(SQL["expired"], now)]
        upcoming: float | None = self._database.read(SQL["next_expiry"], now)[0][0]
        return over, upcoming


def add_thread(connection: sqlite3.Connection, record: ThreadRecord) -> bool:
    """Add the thread, if there is none with its id; inside a transaction."""
    state = record.state
    row = (
        record.thread_id,
        record.graph_id,
        dump(record.metadata),
        dump(record.config),
        dump(record.graph_config),
        record.created_at,
        record.updated_at,
        record.state_updated_at,
        state.status,
        state.values,
        state.error,
        state.interrupts,
        record.ttl.minutes,
        record.ttl.strategy,
        record.expires_at,
    )
    return connection.execute(SQL["add"], row).rowcount == 1


def leave(connection: sqlite3.Connection, thread_id: str, state: ThreadState | None, at: float) -> None:
    """Write the state that a run left in its thread, if the thread is kept. Inside a transaction."""
    if state is not None:
        row = (state.status, state.values, state.error, state.interrupts, at, at, at, thread_id)
        connection.execute(SQL["leave"], row)


def _record(row: Row) -> ThreadRecord:
    thread_id, graph_id, metadata, config, graph_config, created_at, updated_at, state_updated_at = row[:8]
    status, values, error, interrupts, ttl_minutes, ttl_strategy, pruned = row[8:]
    return ThreadRecord(
        thread_id=thread_id,
        graph_id=graph_id,
        metadata=parse(metadata),
        config=parse(config),
        graph_config=parse(graph_config),
        created_at=created_at,
        updated_at=updated_at,
        state_updated_at=state_updated_at,
        state=ThreadState(status, values, error, interrupts),
        ttl=ThreadTtl(ttl_minutes, ttl_strategy),
        pruned=bool(pruned),
    )
