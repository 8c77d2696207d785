"""Feedback in an SQLite file, and the secret with which the links to it are signed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from secrets import token_hex

from treadle.errors import FeedbackFull, RunNotFound
from treadle.storage.contract.feedback import Feedback, FeedbackStore
from treadle.storage.sqlite.database import Database, statements

SQL = statements("feedback.sql")
# Bytes of a row beside its content and its key.
ROW_BYTES = 150


class SqliteFeedbackStore(FeedbackStore):
    """The table `feedback`. Triggers see that it counts as a part of its run, and goes with it."""

    def __init__(self, database: Database, clock: Callable[[], float], secret: bytes) -> None:
        self._database = database
        self._clock = clock
        self.secret = secret

    async def add(self, run_id: str, given: Feedback, most: int) -> int:
        now = self._clock()

        def work(connection: sqlite3.Connection) -> int | type[FeedbackFull | RunNotFound]:
            # A refusal must not fail the transaction, which other writes share.
            if connection.execute(SQL["exists"], (run_id, now)).fetchone() is None:
                return RunNotFound
            before: int = connection.execute(SQL["count"], (run_id, given.key)).fetchone()[0]
            if before >= most:
                return FeedbackFull
            size = ROW_BYTES + len(given.content) + len(given.key.encode())
            connection.execute(SQL["add"], (run_id, given.key, given.content, size, given.created_at))
            return before + 1

        added = await self._database.write(work)
        if not isinstance(added, int):
            raise added
        return added

    async def of_key(self, run_id: str, key: str) -> list[Feedback]:
        if not self._database.read(SQL["exists"], run_id, self._clock()):
            raise RunNotFound
        return [Feedback(*row) for row in self._database.read(SQL["of_key"], run_id, key)]

    async def of_run(self, run_id: str) -> list[Feedback]:
        return [Feedback(*row) for row in self._database.read(SQL["of_run"], run_id)]


def read_secret(database: Database) -> bytes:
    """The secret of the file, made if there is none. Raises ConfigError if the file cannot be read or written."""
    if not database.read(SQL["secret"]):
        # Of two processes that open a new file, the first one makes the secret of both.
        database.write_now(SQL["make_secret"].format(secret=token_hex(32)))
    secret: bytes = database.read(SQL["secret"])[0][0]
    return secret
