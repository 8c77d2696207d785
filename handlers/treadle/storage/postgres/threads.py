"""Kept threads in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable

from treadle.encoding import dump, parse
from treadle.storage.contract.threads import ThreadRecord, ThreadState, ThreadStore, ThreadTtl
from treadle.storage.postgres.database import Connection, Database, Row

COLUMNS = (
    "thread_id, graph_id, metadata, config, graph_config, created_at, updated_at, state_updated_at, "
    'status, "values", error, interrupts, ttl_minutes, ttl_strategy, pruned'
)


class PostgresThreadStore(ThreadStore):
    """The table `threads`. The transaction that settles a run writes the state that it leaves."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        self._clock = clock
        self._sql = database.statements("threads.sql", columns=COLUMNS)

    async def add(self, record: ThreadRecord) -> bool:
        return bool(await self._database.fetch(self._sql["add"], *_values(record)))

    async def get(self, thread_id: str) -> ThreadRecord | None:
        rows = await self._database.fetch(self._sql["get"], thread_id, self._clock())
        return _record(rows[0]) if rows else None

    async def of_assistant(self, assistant_id: str) -> list[str]:
        return [row[0] for row in await self._database.fetch(self._sql["of_assistant"], assistant_id)]

    async def remove(self, thread_id: str) -> None:
        await self._database.fetch(self._sql["remove"], thread_id)

    async def mark_pruned(self, thread_id: str) -> None:
        await self._database.fetch(self._sql["mark_pruned"], thread_id, self._clock())

    async def expired(self) -> tuple[list[ThreadRecord], float | None]:
        now = self._clock()
        over = [_record(row) for row in await self._database.fetch(self._sql["expired"], now)]
        return over, await self._database.value(self._sql["next_expiry"], now)

    async def add_in(self, connection: Connection, record: ThreadRecord) -> None:
        """Add the thread of a run, if there is none with its id; inside a transaction."""
        await connection.fetch(self._sql["add"], *_values(record))

    async def leave_in(self, connection: Connection, thread_id: str, state: ThreadState, at: float) -> None:
        """Write the state that a run left in its thread, if the thread is kept; inside a transaction."""
        left = (state.status, state.values, state.error, state.interrupts)
        await connection.fetch(self._sql["leave"], thread_id, *left, at)


def _values(record: ThreadRecord) -> tuple[object, ...]:
    state = record.state
    assistant_id = record.metadata.get("assistant_id")
    return (
        record.thread_id,
        record.graph_id,
        assistant_id if isinstance(assistant_id, str) and "\0" not in assistant_id else None,
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


def _record(row: Row) -> ThreadRecord:
    thread_id, graph_id, metadata, config, graph_config, created_at, updated_at, state_updated_at = tuple(row)[:8]
    status, values, error, interrupts, ttl_minutes, ttl_strategy, pruned = tuple(row)[8:]
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
        pruned=pruned,
    )
