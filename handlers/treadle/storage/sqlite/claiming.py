"""Claims: how rows of a queue in the file become one process's own."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from typing import Any

from uuid_utils import uuid4

from treadle.storage.sqlite.database import Database, Row


async def claim_each(
    database: Database,
    *,
    find: tuple[str, Sequence[Any]],
    claim: tuple[str, Sequence[Any]],
    give_back: str,
) -> list[Row]:
    """The rows whose ids `find` returns, each with a fresh claim; exactly one caller gets each.

    `claim` is a statement for one row, with what it takes between the claim and the id; `give_back` takes id and claim.
    """
    taken: list[tuple[str, str]] = []

    def work(connection: sqlite3.Connection) -> list[Row]:
        statement, between = claim
        taken[:] = [(each, str(uuid4())) for (each,) in connection.execute(*find).fetchall()]
        return [connection.execute(statement, (token, *between, each)).fetchone() for each, token in taken]

    try:
        return await database.write(work)
    except asyncio.CancelledError:
        # The caller has gone, and cannot carry out what it claims.
        database.write_soon(lambda connection: connection.executemany(give_back, taken))
        raise
