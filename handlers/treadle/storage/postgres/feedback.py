"""Feedback in a PostgreSQL database."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from treadle.errors import FeedbackFull, RunNotFound
from treadle.storage.contract.feedback import Feedback, FeedbackStore
from treadle.storage.postgres.database import Connection, Database, Row

# Bytes of a row beside its content and its key.
ROW_BYTES = 150


class PostgresFeedbackStore(FeedbackStore):
    """The table `feedback`. It counts as a part of its run, and goes with it."""

    def __init__(self, database: Database, clock: Callable[[], float], secret: bytes) -> None:
        self._database = database
        self._clock = clock
        self._sql = database.statements("feedback.sql")
        self.secret = secret

    async def add(self, run_id: str, given: Feedback, most: int) -> int:
        key = given.key.encode()

        async def work(connection: Connection) -> int:
            if not await connection.fetch(self._sql["lock"], run_id, self._clock()):
                raise RunNotFound
            before: int = await connection.fetchval(self._sql["count"], run_id, key)
            if before >= most:
                raise FeedbackFull
            await connection.fetch(self._sql["add"], run_id, key, given.content, given.created_at)
            size = ROW_BYTES + len(given.content) + len(key)
            await connection.fetch(self._sql["grow"], run_id, size)
            return before + 1

        return await self._database.write(work)

    async def of_key(self, run_id: str, key: str) -> list[Feedback]:
        if not await self._database.fetch(self._sql["exists"], run_id, self._clock()):
            raise RunNotFound
        return _entries(await self._database.fetch(self._sql["of_key"], run_id, key.encode()))

    async def of_run(self, run_id: str) -> list[Feedback]:
        return _entries(await self._database.fetch(self._sql["of_run"], run_id))


def _entries(rows: Iterable[Row]) -> list[Feedback]:
    return [Feedback(key.decode(), content, created_at) for key, content, created_at in rows]
