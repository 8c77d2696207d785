"""Where runs, kept threads and events live; `open_storage` picks the backend by the scheme of `DATABASE_URI`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from secrets import token_bytes

from treadle.errors import ConfigError
from treadle.settings import Settings
from treadle.storage.base import Changes, Storage
from treadle.storage.deliveries import Owe, nothing_owed
from treadle.storage.queue_limit import QueueLimit

MEMORY_RETENTION = 256 * 1024**2
"""Bytes of ended runs that are kept in memory, unless RUN_RETENTION_BYTES says otherwise."""


class NoChanges(Changes):
    """Nobody else has this store."""

    async def next(self) -> None:
        await asyncio.Event().wait()


def open_storage(
    settings: Settings, graph_ids: Sequence[str], clock: Callable[[], float], owe: Owe = nothing_owed
) -> Storage:
    """The storage that `settings.database_uri` names, for a process that has these graphs and whose runs `owe` so.

    Raises ConfigError for an unknown scheme.
    """
    scheme = settings.database_uri.partition(":")[0]
    if scheme == "memory":
        from treadle.storage.memory_deliveries import MemoryDeliveryStore
        from treadle.storage.memory_events import MemoryEventLog
        from treadle.storage.memory_feedback import MemoryFeedbackStore
        from treadle.storage.memory_runs import MemoryRunStore
        from treadle.storage.memory_threads import MemoryThreadStore

        threads = MemoryThreadStore(clock)
        retention_bytes = MEMORY_RETENTION if settings.run_retention_bytes is None else settings.run_retention_bytes
        deliveries, feedback = MemoryDeliveryStore(clock), MemoryFeedbackStore(token_bytes(32))
        runs = MemoryRunStore(
            clock,
            threads,
            deliveries,
            feedback,
            owe,
            ttl=settings.run_ttl,
            feedback_ttl=settings.feedback_ttl,
            retention_bytes=retention_bytes,
            queue_limit=QueueLimit(settings.max_queued),
        )
        events = MemoryEventLog(settings.event_buffer_bytes)
        return Storage(runs, threads, deliveries, feedback, events, NoChanges(), durable=False, close=lambda: None)
    if scheme == "sqlite":
        from treadle.storage.sqlite import open_sqlite

        return open_sqlite(settings, graph_ids, clock, owe)
    raise ConfigError(f"DATABASE_URI={settings.database_uri!r}: no such kind of store; use sqlite:///PATH or memory://")
