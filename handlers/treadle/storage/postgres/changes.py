"""How the processes of a database learn of one another's commits: notifications are hints, and lost ones do no harm."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import asyncpg
import structlog
from uuid_utils import uuid4

from treadle.background import forever
from treadle.errors import StorageUnavailable
from treadle.storage.contract.store import Changes
from treadle.storage.postgres.database import FAILURES, Database

log = structlog.get_logger("treadle.runs")
# Bytes of a notification; PostgreSQL takes less than 8000.
MOST_BYTES = 7000
# Seconds between two attempts to listen again.
AGAIN = 0.5


@dataclass(slots=True)
class News:
    """What has changed: runs that are due or wanted elsewhere, deliveries, and the runs with new events or an end."""

    runs: bool = False
    """A run may be due, or its holder is asked for something."""
    deliveries: bool = False
    wanted: bool = False
    """Another process wants the events of a run."""
    moved: set[str] | None = None
    """The runs that have new events, or have ended; None if it may be any."""


class PostgresChanges(Changes):
    """Tells other processes what this one has committed, and hears it from them.

    One notification at a time is on its way; what happens meanwhile goes with the next one.
    """

    def __init__(self, database: Database, uri: str, period: float) -> None:
        """`period`: seconds after which everything is looked at again, and the listening connection is tried."""
        self._database = database
        self._uri = uri
        self._period = period
        self._process = str(uuid4())[:8]
        self._channel = f"treadle_{database.schema}"
        self._tell = database.statements("notices.sql")["tell"]
        self._changed = asyncio.Event()
        self._heard = asyncio.Event()
        self._news = News(moved=set())
        self._waiting: dict[str, None] = {}
        self._telling: asyncio.Task[None] | None = None
        self._watchers: list[Callable[[News], Awaitable[None]]] = []
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Listen, and return when notifications arrive."""
        listening = asyncio.Event()
        self._tasks = [
            asyncio.create_task(forever(lambda: self._listen_forever(listening))),
            asyncio.create_task(forever(self._look_forever)),
        ]
        with suppress(TimeoutError):
            async with asyncio.timeout(self._period):
                await listening.wait()

    async def stop(self) -> None:
        """Send the waiting notifications, and stop listening."""
        if self._telling is not None:
            await asyncio.wait([self._telling], timeout=1)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def next(self) -> None:
        await self._changed.wait()
        self._changed.clear()

    def watch(self, watcher: Callable[[News], Awaitable[None]]) -> None:
        """Call `watcher` with what others have changed."""
        self._watchers.append(watcher)

    def tell(self, what: str, *run_ids: str) -> None:
        """Let other processes know: `runs`, `deliveries`, `wanted`, or `moved` with the runs."""
        for each in run_ids or ("",):
            self._waiting[f"{what} {each}".rstrip()] = None
        if self._telling is None or self._telling.done():
            self._telling = asyncio.create_task(self._tell_all())

    async def _tell_all(self) -> None:
        while self._waiting:
            told, self._waiting = list(self._waiting), {}
            try:
                await self._database.fetch(self._tell, self._channel, list(self._notices(told)))
            except StorageUnavailable as error:  # the others look for themselves, if later
                log.warning("other processes cannot be told of changes", error=str(error))

    def _notices(self, told: Iterable[str]) -> Iterable[str]:
        """Divide what is told into payloads that are short enough for PostgreSQL."""
        part: list[str] = []
        for each in told:
            if sum(map(len, part)) + 4 * len(part) + len(each) > MOST_BYTES:
                yield json.dumps([self._process, *part])
                part = []
            part.append(each)
        yield json.dumps([self._process, *part])

    def _hear(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        process, *told = json.loads(str(payload))
        if process == self._process:
            return
        for each in told:
            what, _, run_id = each.partition(" ")
            if what != "moved":
                setattr(self._news, what, True)
            elif self._news.moved is not None:
                self._news.moved.add(run_id)
        self._heard.set()

    async def _look_forever(self) -> None:
        """Call the watchers with each piece of news, and after a quiet period as if anything had happened."""
        while True:
            try:
                async with asyncio.timeout(self._period):
                    await self._heard.wait()
            except TimeoutError:
                self._may_be_anything()
            self._heard.clear()
            news, self._news = self._news, News(moved=set())
            try:
                for watcher in self._watchers:
                    await watcher(news)
            except StorageUnavailable:
                self._may_be_anything()
                await asyncio.sleep(AGAIN)
                continue
            if news.runs:
                self._changed.set()

    async def _listen_forever(self, listening: asyncio.Event) -> None:
        while True:
            try:
                await self._listen(listening)
            except (StorageUnavailable, *FAILURES) as error:
                log.warning("notifications of other processes are lost; listening again", error=str(error))
            await asyncio.sleep(AGAIN)

    async def _listen(self, listening: asyncio.Event) -> None:
        """Listen until the connection is lost, which is found out within a period."""
        connection: Any = await asyncpg.connect(
            self._uri, timeout=self._period, statement_cache_size=0, server_settings={"application_name": self._channel}
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            async with asyncio.timeout(self._period):
                await connection.add_listener(self._channel, self._hear)
            # What was told while nobody listened here is not known.
            self._may_be_anything()
            listening.set()
            while not lost.is_set():
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._period):
                        await lost.wait()
                if not lost.is_set():
                    await connection.execute("SELECT", timeout=self._period)
        finally:
            connection.terminate()

    def _may_be_anything(self) -> None:
        self._news = News(runs=True, deliveries=True, wanted=True, moved=None)
        self._heard.set()
