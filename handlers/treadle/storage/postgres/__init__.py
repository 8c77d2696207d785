"""Runs, threads and events in a PostgreSQL database that processes on many machines share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from secrets import token_bytes

from treadle.errors import ConfigError
from treadle.settings import Settings
from treadle.storage.contract.queue_limit import QueueLimit
from treadle.storage.contract.store import DatabaseSchema, Storage
from treadle.storage.events.rows import EventRows, WithRows
from treadle.storage.events.shared import SharedEventLog
from treadle.storage.postgres.assistants import PostgresAssistantStore
from treadle.storage.postgres.changes import News, PostgresChanges
from treadle.storage.postgres.clock import DatabaseClock
from treadle.storage.postgres.database import Database, open_database
from treadle.storage.postgres.deliveries import PostgresDeliveryStore
from treadle.storage.postgres.event_rows import PostgresEventRows
from treadle.storage.postgres.feedback import PostgresFeedbackStore
from treadle.storage.postgres.migrations import migrate
from treadle.storage.postgres.queue import PostgresQueue
from treadle.storage.postgres.retention import PostgresRetention
from treadle.storage.postgres.runs import PostgresRunStore, Times
from treadle.storage.postgres.threads import PostgresThreadStore

RETENTION = 64 * 1024**3
"""Bytes of ended runs that are kept in a database, unless RUN_RETENTION_BYTES says otherwise."""
DELIVERY_MARGIN = 15.0
"""Seconds by which the claim of a delivery outlasts the time that an attempt may take."""
CLOSING = 2.0
"""Seconds that events may take to be written when the store is closed."""
LEASES = 2
"""Connections for claims, renewals and the time: a lease must not run out while these wait for other work."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """What the parts of the store are made of."""

    database: Database
    leases: Database
    """The same database, over connections of its own."""
    changes: PostgresChanges
    clock: Callable[[], float]
    secret: bytes


async def open_postgres(
    settings: Settings,
    graph_ids: Sequence[str],
    clock: Callable[[], float] | None = None,
    with_rows: WithRows | None = None,
) -> Storage:
    """The storage in a schema of the database, made if it is not there. `clock` instead of the database's is for tests.

    Raises ConfigError.
    """
    direct = settings.database_direct_uri or settings.database_uri
    database = await open_database(settings, settings.database_connections)
    async with AsyncExitStack() as undo:
        undo.push_async_callback(database.close)
        leases = await open_database(settings, LEASES)
        undo.push_async_callback(leases.close)
        await migrate(database, settings.store_shown)
        secret = await _secret(database, encrypts=with_rows is not None)
        changes = PostgresChanges(database, direct, settings.lease / 3)
        if clock is None:
            clock = DatabaseClock(leases)
            await clock.measure()
            changes.watch(clock.hear)
        storage = _storage(settings, graph_ids, _Opened(database, leases, changes, clock, secret), with_rows)
        undo.push_async_callback(changes.stop)
        await changes.start()
        undo.pop_all()
    return storage


def _storage(settings: Settings, graph_ids: Sequence[str], opened: _Opened, with_rows: WithRows | None) -> Storage:
    database, changes, clock = opened.database, opened.changes, opened.clock
    threads = PostgresThreadStore(database, clock)
    lease = settings.webhook_timeout + DELIVERY_MARGIN
    deliveries = PostgresDeliveryStore(database, changes, clock, graph_ids, lease=lease, ttl=settings.run_ttl)
    limit = RETENTION if settings.run_retention_bytes is None else settings.run_retention_bytes
    rows = PostgresEventRows(database, changes, clock, settings.lease)
    runs = PostgresRunStore(
        database,
        opened.leases,
        changes,
        clock,
        graph_ids,
        threads,
        deliveries,
        rows,
        PostgresRetention(database, clock, limit),
        Times(settings.lease, settings.run_ttl, settings.resumable_ttl, settings.feedback_ttl),
        PostgresQueue(database, QueueLimit(settings.max_queued)),
    )
    seen: EventRows = with_rows(rows) if with_rows else rows
    events = SharedEventLog(seen, settings.event_buffer_bytes, settings.lease)
    changes.watch(deliveries.hear)
    changes.watch(partial(_pass_on, events))
    schema = DatabaseSchema(
        settings.database_direct_uri or settings.database_uri,
        settings.database_schema,
        settings.database_connections,
        settings.database_timeout,
        "DATABASE_URI" if settings.database_direct_uri is None else "DATABASE_DIRECT_URI",
    )

    async def close() -> None:
        events.close_all()
        await rows.close(CLOSING)
        await changes.stop()
        await opened.leases.close()
        await database.close()

    return Storage(
        runs,
        threads,
        PostgresAssistantStore(database, settings.max_assistants),
        deliveries,
        PostgresFeedbackStore(database, clock, opened.secret),
        events,
        changes,
        clock,
        checkpoints=schema,
        items=schema,
        durable=True,
        close=close,
    )


async def _pass_on(events: SharedEventLog, news: News) -> None:
    """Let followers and writers of events know what others have changed."""
    if news.moved is None:
        await events.look()
        return
    for run_id in news.moved:
        events.wake(run_id)
    if news.wanted:
        await events.share_what_is_wanted()


async def _secret(database: Database, *, encrypts: bool) -> bytes:
    """The secret that the processes of the store sign with. Notes whether they encrypt.

    Raises ConfigError if this one does, and others do not, or the other way round.
    """
    sql = database.statements("secrets.sql")
    await database.fetch(sql["make"], "feedback", token_bytes(32))
    encrypted = await database.value(sql["get"], "encrypted") is not None
    if encrypted and not encrypts:
        raise ConfigError(
            f"DATABASE_SCHEMA={database.schema} has encrypted data, and the configuration has no encryption; add it, "
            "or name another schema"
        )
    if encrypts and not encrypted:
        if await database.value(sql["others"], f"treadle_{database.schema}"):
            raise ConfigError(
                f"DATABASE_SCHEMA={database.schema} is in use by a process without encryption; stop it before you "
                "start one with it"
            )
        await database.fetch(sql["make"], "encrypted", b"\0")
    secret: bytes = await database.value(sql["get"], "feedback")
    return secret
