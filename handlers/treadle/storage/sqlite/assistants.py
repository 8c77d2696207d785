"""Assistants in an SQLite file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import TypeVar

from treadle.encoding import dump
from treadle.errors import AssistantsFull, TreadleError
from treadle.storage.contract.assistants import (
    MOST_VERSIONS,
    AssistantQuery,
    AssistantRecord,
    AssistantStore,
    Change,
)
from treadle.storage.rows.assistants import assistant_of
from treadle.storage.sqlite.database import Database, Row, statements

SQL = statements("assistants.sql")
T = TypeVar("T")


class SqliteAssistantStore(AssistantStore):
    """The table `assistants`, which names the current one of the rows of `assistant_versions`."""

    def __init__(self, database: Database, limit: int) -> None:
        self._database = database
        self._limit = limit

    async def add(self, record: AssistantRecord) -> bool:
        return await self._write(lambda connection: self._added(connection, record))

    async def get(self, assistant_id: str) -> AssistantRecord | None:
        rows = self._database.read(SQL["get"], assistant_id)
        return assistant_of(rows[0]) if rows else None

    async def find(self, query: AssistantQuery, most: int | None = None) -> list[AssistantRecord]:
        key = f"casefold({query.sort_by})" if query.sort_by in ("name", "graph_id") else f"a.{query.sort_by}"
        statement = SQL["find"].format(key=key, direction="ASC" if query.ascending else "DESC")
        found: list[AssistantRecord] = []

        def take(row: Row) -> bool:
            record = assistant_of(row)
            if query.admits is None or query.admits(record.metadata):  # the statement knows the other conditions
                found.append(record)
            return most is None or len(found) < most

        self._database.read_while(take, statement, *_conditions(query))
        return found

    async def count(self, query: AssistantQuery) -> int:
        if query.admits is not None:
            return len(await self.find(query))
        found: int = self._database.read(SQL["count_fitting"], *_conditions(query))[0][0]
        return found

    async def change(
        self, assistant_id: str, change: Change, original: AssistantRecord | None = None
    ) -> AssistantRecord | None:
        def work(connection: sqlite3.Connection) -> AssistantRecord | None:
            row = connection.execute(SQL["get"], (assistant_id,)).fetchone()
            before = assistant_of(row) if row else original
            if before is None:
                return None
            after = change(before)
            if not row:
                self._added(connection, before)
            (newest,) = connection.execute(SQL["newest"], (assistant_id,)).fetchone()
            _add_version(connection, after, newest + 1)
            connection.execute(SQL["select"], (assistant_id, newest + 1, after.updated_at))
            connection.execute(SQL["trim"], (assistant_id, newest + 1 - MOST_VERSIONS))
            return assistant_of(connection.execute(SQL["get"], (assistant_id,)).fetchone())

        return await self._write(work)

    async def versions(self, assistant_id: str) -> list[AssistantRecord]:
        return [assistant_of(row) for row in self._database.read(SQL["versions"], assistant_id)]

    async def select(self, assistant_id: str, version: int, at: float) -> AssistantRecord | None:
        if abs(version) >= 2**63:  # more than an integer of SQLite can be
            return None

        def work(connection: sqlite3.Connection) -> AssistantRecord | None:
            if not connection.execute(SQL["select"], (assistant_id, version, at)).rowcount:
                return None
            return assistant_of(connection.execute(SQL["get"], (assistant_id,)).fetchone())

        return await self._write(work)

    async def remove(self, assistant_id: str) -> bool:
        return await self._write(lambda connection: connection.execute(SQL["remove"], (assistant_id,)).rowcount == 1)

    def _added(self, connection: sqlite3.Connection, record: AssistantRecord) -> bool:
        """Add the assistant with its first version; inside a transaction."""
        if connection.execute(SQL["exists"], (record.assistant_id,)).fetchone():
            return False
        (kept,) = connection.execute(SQL["count"]).fetchone()
        if kept >= self._limit:
            raise AssistantsFull
        times = (record.created_at, record.updated_at)
        connection.execute(SQL["add"], (record.assistant_id, record.version, *times))
        _add_version(connection, record, record.version)
        return True

    async def _write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Commit `work`. It has written nothing when it raises a TreadleError."""

        def judged(connection: sqlite3.Connection) -> T | TreadleError:
            try:
                return work(connection)
            except TreadleError as error:  # a refusal must not fail the transaction, which other writes share
                return error

        result = await self._database.write(judged)
        if isinstance(result, TreadleError):
            raise result
        return result


def _conditions(query: AssistantQuery) -> tuple[str | None, str | None, bytes | None]:
    return query.graph_id, query.name and query.name.casefold(), dump(query.metadata) if query.metadata else None


def _add_version(connection: sqlite3.Connection, record: AssistantRecord, version: int) -> None:
    documents = (dump(record.config), dump(record.context), dump(record.metadata))
    described = (record.graph_id, record.name, record.description)
    row = (record.assistant_id, version, *described, *documents, record.updated_at)
    connection.execute(SQL["add_version"], row)
