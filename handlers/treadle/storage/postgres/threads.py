"""Kept threads in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable

from treadle.storage.contract.threads import ThreadRecord, ThreadState, ThreadStore
from treadle.storage.postgres.database import Connection, Database
from treadle.storage.rows.threads import COLUMNS, row_of, thread_of


class PostgresThreadStore(ThreadStore):
    """The table `threads`. The transaction that settles a run writes the state that it leaves."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._sql = database.statements("threads.sql", columns=COLUMNS)

    async def add(self, record: ThreadRecord) -> bool:
        return bool(await self._database.fetch(self._sql["add"], *_row_of(record)))

    async def get(self, thread_id: str) -> ThreadRecord | None:
        rows = await self._database.fetch(self._sql["get"], thread_id, self._clock())
        return thread_of(rows[0]) if rows else None

    async def of_assistant(self, assistant_id: str) -> list[str]:
        return [row[0] for row in await self._database.fetch(self._sql["of_assistant"], assistant_id)]

    async def remove(self, thread_id: str) -> None:
        await self._database.fetch(self._sql["remove"], thread_id)

    async def mark_pruned(self, thread_id: str) -> None:
        await self._database.fetch(self._sql["mark_pruned"], thread_id, self._clock())

    async def expired(self) -> tuple[list[ThreadRecord], float | None]:
        now = self._clock()
        over = [thread_of(row) for row in await self._database.fetch(self._sql["expired"], now)]
        return over, await self._database.value(self._sql["next_expiry"], now)

    async def add_in(self, connection: Connection, record: ThreadRecord) -> None:
        """Add the thread of a run, if there is none with its id; inside a transaction."""
        await connection.fetch(self._sql["add"], *_row_of(record))

    async def leave_in(self, connection: Connection, thread_id: str, state: ThreadState, at: float) -> None:
        """Write the state that a run left in its thread, if the thread is kept; inside a transaction."""
        left = (state.status, state.values, state.error, state.interrupts)
        await connection.fetch(self._sql["leave"], thread_id, *left, at)


def _row_of(record: ThreadRecord) -> tuple[object, ...]:
    assistant_id = record.metadata.get("assistant_id")
    return *row_of(record), assistant_id if isinstance(assistant_id, str) and "\0" not in assistant_id else None
