"""Claims: how rows of a queue become one process's own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from treadle.storage.postgres.database import Database, Row


async def claimed(
    database: Database, claim: tuple[str, Sequence[object]], give_back: Callable[[Sequence[Row]], Awaitable[object]]
) -> list[Row]:
    """The rows that the statement `claim` gives. Those that a caller no longer waits for are given back."""
    statement, values = claim
    claiming = asyncio.ensure_future(database.fetch(statement, *values))
    try:
        return await asyncio.shield(claiming)
    except asyncio.CancelledError:
        # The caller has gone, and cannot carry out what it claims; but the claim may be committed by now.
        if rows := await claiming:
            await give_back(rows)
        raise
