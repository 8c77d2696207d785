"""What goes from a PostgreSQL database when its time is over, in small transactions that several processes share."""

from __future__ import annotations

from collections.abc import Callable

from treadle.storage.postgres.database import Connection, Database
from treadle.storage.rows.runs import COLUMNS

# Runs, events and keys that one transaction forgets at most, so that no other write waits long for it.
CHUNK = 200
EVENTS_AT_ONCE = 5000


class PostgresRetention:
    """Ended runs go after their retention, or the oldest first when all of them take more than `limit` bytes."""

    def __init__(self, database: Database, clock: Callable[[], float], limit: int) -> None:
        self._database = database
        self._clock = clock
        self._limit = limit
        self._runs = database.statements("runs.sql", columns=", ".join(COLUMNS))
        self._events = database.statements("events.sql")
        self._keys = database.statements("keys.sql")

    async def sweep(self) -> tuple[list[str], float | None]:
        """As `RunStore.sweep`."""
        gone: list[str] = []
        now = self._clock()
        await self._database.fetch(self._events["gone"], now)
        while await self._database.write(lambda connection: self._drop_events(connection, now)):
            pass
        while some := await self._database.write(lambda connection: self._forget_expired(connection, now)):
            gone += some
        while some := await self._database.write(lambda connection: self._make_room(connection, now)):
            gone += some
        while len(await self._database.fetch(self._keys["forget"], now, CHUNK)) == CHUNK:
            pass
        return gone, await self._database.value(self._runs["next_expiry"])

    async def _drop_events(self, connection: Connection, now: float) -> bool:
        """Delete some events of ended runs; whether there may be more."""
        unread = [run_id for (run_id,) in await connection.fetch(self._events["expired"], now, CHUNK)]
        if not unread:
            return False
        await connection.fetch(self._events["drop_some"], unread, EVENTS_AT_ONCE)
        await connection.fetch(self._events["keep_no_more"], unread)
        return True

    async def _forget_expired(self, connection: Connection, now: float) -> list[str]:
        gone = [run_id for (run_id,) in await connection.fetch(self._runs["expired"], now, CHUNK)]
        if gone:
            await connection.fetch(self._runs["forget"], gone)
        return gone

    async def _make_room(self, connection: Connection, now: float) -> list[str]:
        """Delete some of the oldest ended runs if there are too many, unless another process is at it."""
        if not await connection.fetchval(self._runs["try_lock_retention"]):
            return []
        over: int = await connection.fetchval(self._runs["ended_bytes"]) - self._limit
        gone: list[str] = []
        if over > 0:
            for run_id, size in await connection.fetch(self._runs["oldest"], now, CHUNK):
                if over <= 0:
                    break
                over -= size
                gone.append(run_id)
            await connection.fetch(self._runs["forget"], gone)
        return gone
