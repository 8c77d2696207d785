"""Assistants in a PostgreSQL database."""

from __future__ import annotations

from treadle.encoding import dump
from treadle.errors import AssistantsFull
from treadle.storage.contract.assistants import (
    MOST_VERSIONS,
    AssistantQuery,
    AssistantRecord,
    AssistantStore,
    Change,
    has_entries,
)
from treadle.storage.postgres.database import Connection, Database
from treadle.storage.rows.assistants import assistant_of

# The largest bigint: no table has more rows.
MOST = 2**63 - 1
_KEYS = {"name": "name_folded", "graph_id": "graph_folded"}


class PostgresAssistantStore(AssistantStore):
    """The table `assistants`, which names the current one of the rows of `assistant_versions`."""

    def __init__(self, database: Database, limit: int) -> None:
        self._database = database
        self._limit = limit
        self._sql = database.statements("assistants.sql")

    async def add(self, record: AssistantRecord) -> bool:
        async def work(connection: Connection) -> bool:
            await connection.fetch(self._sql["lock"])
            return await self._added(connection, record)

        return await self._database.write(work)

    async def get(self, assistant_id: str) -> AssistantRecord | None:
        rows = await self._database.fetch(self._sql["get"], assistant_id)
        return assistant_of(rows[0]) if rows else None

    async def find(self, query: AssistantQuery, most: int | None = None) -> list[AssistantRecord]:
        if _impossible(query):
            return []
        key = _KEYS.get(query.sort_by, f"a.{query.sort_by}")
        statement = self._sql["find"].format(key=key, direction="ASC" if query.ascending else "DESC")
        limit = None if _further(query) or most is None else min(most, MOST)
        found: list[AssistantRecord] = []

        async def work(connection: Connection) -> None:
            found.clear()
            # The statement knows the other conditions. No cursor: a pooler would keep its statement, and its name.
            for row in await connection.fetch(statement, *_conditions(query), limit):
                record = assistant_of(row)
                if _fits(query, record):
                    found.append(record)
                if most is not None and len(found) >= most:
                    return

        await self._database.write(work)
        return found

    async def count(self, query: AssistantQuery) -> int:
        if _further(query) or _impossible(query):
            return len(await self.find(query))
        count: int = await self._database.value(self._sql["count_fitting"], *_conditions(query))
        return count

    async def change(
        self, assistant_id: str, change: Change, original: AssistantRecord | None = None
    ) -> AssistantRecord | None:
        async def work(connection: Connection) -> AssistantRecord | None:
            await connection.fetch(self._sql["lock"])
            rows = await connection.fetch(self._sql["get"], assistant_id)
            before = assistant_of(rows[0]) if rows else original
            if before is None:
                return None
            after = change(before)
            if not rows:
                await self._added(connection, before)
            newest: int = await connection.fetchval(self._sql["newest"], assistant_id)
            await self._add_version(connection, after, newest + 1)
            await connection.fetch(self._sql["select"], assistant_id, newest + 1, after.updated_at)
            await connection.fetch(self._sql["trim"], assistant_id, newest + 1 - MOST_VERSIONS)
            return assistant_of((await connection.fetch(self._sql["get"], assistant_id))[0])

        return await self._database.write(work)

    async def versions(self, assistant_id: str) -> list[AssistantRecord]:
        return [assistant_of(row) for row in await self._database.fetch(self._sql["versions"], assistant_id)]

    async def select(self, assistant_id: str, version: int, at: float) -> AssistantRecord | None:
        if abs(version) >= 2**63:  # more than a bigint can be
            return None

        async def work(connection: Connection) -> AssistantRecord | None:
            if not await connection.fetch(self._sql["select"], assistant_id, version, at):
                return None
            return assistant_of((await connection.fetch(self._sql["get"], assistant_id))[0])

        return await self._database.write(work)

    async def remove(self, assistant_id: str) -> bool:
        return bool(await self._database.fetch(self._sql["remove"], assistant_id))

    async def _added(self, connection: Connection, record: AssistantRecord) -> bool:
        """Add the assistant with its first version; inside a transaction that has the lock."""
        if await connection.fetch(self._sql["get"], record.assistant_id):
            return False
        if await connection.fetchval(self._sql["count"]) >= self._limit:
            raise AssistantsFull
        times = (record.created_at, record.updated_at)
        await connection.fetch(self._sql["add"], record.assistant_id, record.version, *times)
        await self._add_version(connection, record, record.version)
        return True

    async def _add_version(self, connection: Connection, record: AssistantRecord, version: int) -> None:
        described = (record.graph_id, record.graph_id.casefold(), record.name, record.name.casefold())
        documents = (dump(record.config), dump(record.context), dump(record.metadata))
        row = (record.assistant_id, version, *described, record.description, *documents, record.updated_at)
        await connection.fetch(self._sql["add_version"], *row)


def _conditions(query: AssistantQuery) -> tuple[str | None, str | None]:
    return query.graph_id, query.name and query.name.casefold()


def _impossible(query: AssistantQuery) -> bool:
    """Whether it asks for a text that PostgreSQL cannot hold, and so for none of its rows."""
    return any("\0" in (text or "") for text in (query.name, query.graph_id))


def _further(query: AssistantQuery) -> bool:
    """Whether a row that the statement finds may still be none that is searched for."""
    # Not left to PostgreSQL: its JSON has no NaN, which authors may have.
    return bool(query.metadata) or query.admits is not None


def _fits(query: AssistantQuery, record: AssistantRecord) -> bool:
    return has_entries(record.metadata, query.metadata or {}) and (
        query.admits is None or query.admits(record.metadata)
    )
