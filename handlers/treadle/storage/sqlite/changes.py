"""How a process learns of the commits of others to the same file."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

from treadle.background import forever
from treadle.errors import StorageUnavailable
from treadle.storage.contract.store import Changes
from treadle.storage.sqlite.database import Database

RETRY_PERIOD = 0.1
"""Seconds after which a look that failed is repeated."""
SHARE = 0.25
"""Looking takes at most this part of the time, however many follow."""
Watcher = Callable[[], Awaitable[None]]


class SqliteChanges(Changes):
    """Notices commits of other processes, and not those of this one."""

    def __init__(self, database: Database) -> None:
        self._watchers: list[Watcher] = []
        self._heard = asyncio.Event()
        self._changed = asyncio.Event()
        self._task = asyncio.create_task(forever(self._look_forever))
        database.listen(self._heard.set)

    async def next(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def watch(self, watcher: Watcher) -> None:
        """Call `watcher` whenever another process has committed something."""
        self._watchers.append(watcher)

    def stop(self) -> None:
        """Look no more."""
        self._task.cancel()

    async def _look_forever(self) -> None:
        while True:
            await self._heard.wait()
            self._heard.clear()
            started = monotonic()
            try:
                for watcher in self._watchers:
                    await watcher()
            except StorageUnavailable:
                self._heard.set()
                await asyncio.sleep(RETRY_PERIOD)
                continue
            self._changed.set()
            took = monotonic() - started
            await asyncio.sleep(took / SHARE)
