"""Shared parts of the storage tests: a clock that they set, runs as the API makes them, and stores of every kind."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.sql import SQL, Identifier

from tests.databases import POSTGRES, POSTGRES_PARAM, a_schema
from tests.live import DEADLINE
from treadle.settings import Settings
from treadle.storage import open_storage
from treadle.storage.contract.deliveries import Delivery
from treadle.storage.contract.events import Event, Follower
from treadle.storage.contract.runs import Ending, Outcome, RunKwargs, RunRecord
from treadle.storage.contract.store import Storage
from treadle.storage.contract.threads import ThreadState
from treadle.storage.sqlite.database import Database
from treadle.storage.sqlite.runs import SqliteRunStore

SHARED = ("sqlite", POSTGRES_PARAM)
"""Those that several processes may share, so that claims are leases: they end when they are not renewed."""
BACKENDS = ("memory", *SHARED)
"""Every backend."""
LEASE = 15.0
RUN_TTL = 60.0
RESUMABLE_TTL = 30.0
TEMPORARY = RunKwargs()
RESUMABLE = RunKwargs(resumable=True)
KEPT = RunKwargs(temporary=False)
DONE = Outcome("success")


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@contextmanager
def address(backend: str, folder: Path) -> Iterator[str]:
    """Where a backend finds nothing yet; for PostgreSQL, a fragment names the schema."""
    if backend == "postgresql":
        with a_schema() as schema:
            yield f"{POSTGRES}#{schema}"
    else:
        yield "memory://" if backend == "memory" else f"sqlite:///{folder}/runs.db"


async def store(
    uri: str,
    clock: Callable[[], float],
    graph_ids: Sequence[str] = ("graph",),
    **changes: Any,
) -> Storage:
    """The store that `uri` names, with times and sizes that tests can reach."""
    chosen = {"lease": LEASE, "run_ttl": RUN_TTL, "resumable_ttl": RESUMABLE_TTL, "event_buffer_bytes": 1000}
    return await open_storage(settings_of(uri, **{**chosen, **changes}), graph_ids, clock)


def settings_of(uri: str, **changes: Any) -> Settings:
    """Settings for the store at an `address`."""
    uri, _, schema = uri.partition("#")
    if schema:
        changes |= {"database_schema": schema, "database_connections": 4}
    return Settings(database_uri=uri, **changes)


@asynccontextmanager
async def opened(uri: str, clock: Callable[[], float], *arguments: Any, **changes: Any) -> AsyncIterator[Storage]:
    """As `store`, closed at the end of the block."""
    storage = await store(uri, clock, *arguments, **changes)
    try:
        yield storage
    finally:
        await storage.close()


@asynccontextmanager
async def processes(
    uri: str, clock: Callable[[], float], number: int = 2, **changes: Any
) -> AsyncIterator[list[Storage]]:
    """One store as several processes see it: each opens it for itself."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(opened(uri, clock, **changes)) for _ in range(number)]


def record(run_id: str, due: float = 1000.0, **changes: Any) -> RunRecord:
    """A pending temporary run."""
    run = RunRecord(run_id, "thread", "assistant", "graph", {}, TEMPORARY, "enqueue", due, due, size=10)
    return run._replace(**changes)


def claimed(run_id: str, **changes: Any) -> RunRecord:
    """A run that its process claims as it adds it, under the claim `token`."""
    return record(run_id, **{"status": "running", "claim": "token", "attempt": 1, "started_at": 1000.0, **changes})


def ending(
    outcome: Outcome = DONE, left: ThreadState | None = None, *, at: float = 1000.0, webhook: Delivery | None = None
) -> Ending:
    """A run's ending, at the time when clocks begin here."""
    return Ending(outcome, at, left, webhook)


async def claim_one(storage: Storage) -> RunRecord:
    (run,) = await storage.runs.claim(1)
    return run


async def begin(storage: Storage, run_id: str, kwargs: RunKwargs = TEMPORARY) -> RunRecord:
    """Add a run as a process does that runs it at once."""
    run = claimed(run_id, kwargs=kwargs)
    storage.events.expect(run)
    await storage.runs.add([run])
    return run


async def end(storage: Storage, run: RunRecord, outcome: Outcome = DONE) -> RunRecord:
    """Settle a run and end its stream, in the order in which workers do it."""
    await storage.events.written(run.run_id)
    ended = await storage.runs.settle(run.run_id, run.claim or "", ending(outcome))
    storage.events.close(run.run_id, ended)
    return ended


async def seen(follower: Follower) -> list[Event]:
    """The next events, which have to come by themselves."""
    async with asyncio.timeout(DEADLINE):
        return list(await follower.next())


async def all_seen(follower: Follower) -> list[Event]:
    """All events until the end."""
    events: list[Event] = []
    while not follower.ended:
        events += await seen(follower)
    return events


async def numbers(follower: Follower, count: int) -> Sequence[int]:
    """The sequence numbers of the next `count` events."""
    found: list[int] = []
    while len(found) < count:
        found += [event.seq for event in await seen(follower)]
    return found


async def until(condition: Callable[[], Awaitable[object]]) -> None:
    """Return as soon as the condition holds; TimeoutError if it does not in time."""
    async with asyncio.timeout(DEADLINE):
        while not await condition():  # noqa: ASYNC110 - it may come about in another process
            await asyncio.sleep(0.001)


def database(storage: Storage) -> Database:
    assert isinstance(storage.runs, SqliteRunStore)
    return storage.runs._database


def count(path: Path, what: str) -> Any:
    """The first column of the first row, read from outside."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {what}").fetchone()[0]


def rows(uri: str, table: str) -> int:
    """The number of rows in a table of a shared store, read from outside."""
    where, _, schema = uri.partition("#")
    if schema:
        with psycopg.connect(where) as connection:
            [(number,)] = connection.execute(
                SQL("SELECT count(*) FROM {}.{}").format(*map(Identifier, (schema, table)))
            )
            return int(number)
    return int(count(Path(uri.removeprefix("sqlite:///")), f"count(*) FROM {table}"))


async def seen_after_give_back(storage: Storage) -> list[Event]:
    """The events of a run that is given back between two events, and ended by its next attempt."""
    await begin(storage, "a", RESUMABLE)
    storage.events.append("a", [("x", b"1")])
    await storage.runs.give_back("a", "token")
    storage.events.append("a", [("x", b"too late")])
    run = await claim_one(storage)
    await storage.events.open(run)
    storage.events.append("a", [("y", b"2")])
    await end(storage, run)
    return list(await all_seen(await storage.events.follow("a", 0)))
