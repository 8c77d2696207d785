"""Pages of events out of a PostgreSQL database, for many followers at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import Any, NamedTuple

from treadle.storage.contract.events import Event
from treadle.storage.contract.runs import ENDED
from treadle.storage.events.rows import PAGE, PAGE_BYTES, Page
from treadle.storage.postgres.database import Database

# Pages that one statement reads, so that what it answers stays small.
TOGETHER = 100
# Statements at a time: while one is on its way, what is asked for meanwhile does not wait for it.
AT_ONCE = 2


class _Wanted(NamedTuple):
    run_id: str
    cursor: int
    page: asyncio.Future[Page]


class EventPages:
    """Reads pages. One statement reads all pages that were asked for while earlier statements were on their way."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._statement = database.statements("events.sql")["pages"]
        self._wanted: list[_Wanted] = []
        self._reading: set[asyncio.Task[None]] = set()

    async def get(self, run_id: str, cursor: int) -> Page:
        """As `EventRows.page`. Raises StorageUnavailable."""
        wanted = _Wanted(run_id, cursor, asyncio.get_running_loop().create_future())
        self._wanted.append(wanted)
        if len(self._reading) < AT_ONCE:
            task = asyncio.create_task(self._read_all())
            self._reading.add(task)
            task.add_done_callback(self._reading.discard)
        return await wanted.page

    async def _read_all(self) -> None:
        while self._wanted:
            together, self._wanted = self._wanted[:TOGETHER], self._wanted[TOGETHER:]
            if waiting := [each for each in together if not each.page.done()]:
                await self._read(waiting)

    async def _read(self, together: Sequence[_Wanted]) -> None:
        run_ids, cursors = [each.run_id for each in together], [each.cursor for each in together]
        try:
            rows = await self._database.fetch(self._statement, run_ids, cursors, PAGE, PAGE_BYTES)
        except Exception as error:  # each of those who wait is told
            for each in together:
                fail(each.page, error)
            return
        for number, found in groupby(rows, lambda row: row["number"]):
            first, *others = found
            events = [Event(*row[2:]) for row in (first, *others) if row["seq"] is not None]
            ended = first["status"] is None or first["status"] in ENDED
            resolve(together[number - 1].page, Page.of(events, ended=ended))


def resolve(future: asyncio.Future[Any], result: object) -> None:
    """Give a result to those who wait, if they do."""
    if not future.done():
        future.set_result(result)


def fail(future: asyncio.Future[Any], error: Exception) -> None:
    """Raise an error where somebody waits, if they do."""
    if not future.done():
        future.set_exception(error)
