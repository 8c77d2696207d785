"""Runs and all that belongs to them in this process's memory: for tests and throw-away servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from secrets import token_bytes

from treadle.settings import Settings
from treadle.storage.contract.queue_limit import QueueLimit
from treadle.storage.contract.store import Changes, Storage
from treadle.storage.events.local import MemoryEventLog
from treadle.storage.memory.assistants import MemoryAssistantStore
from treadle.storage.memory.deliveries import MemoryDeliveryStore
from treadle.storage.memory.feedback import MemoryFeedbackStore
from treadle.storage.memory.runs import MemoryRunStore
from treadle.storage.memory.threads import MemoryThreadStore

MEMORY_RETENTION = 256 * 1024**2
"""Bytes of ended runs that are kept in memory, unless RUN_RETENTION_BYTES says otherwise."""


class NoChanges(Changes):
    """No other process has this store."""

    async def next(self) -> None:
        await asyncio.Event().wait()


async def _close() -> None:
    """There is nothing to write, and nothing to close."""


async def open_memory(settings: Settings, clock: Callable[[], float]) -> Storage:
    """A storage that ends with this process."""
    threads = MemoryThreadStore(clock)
    retention_bytes = MEMORY_RETENTION if settings.run_retention_bytes is None else settings.run_retention_bytes
    deliveries, feedback = MemoryDeliveryStore(clock), MemoryFeedbackStore(token_bytes(32))
    runs = MemoryRunStore(
        clock,
        threads,
        deliveries,
        feedback,
        ttl=settings.run_ttl,
        feedback_ttl=settings.feedback_ttl,
        retention_bytes=retention_bytes,
        queue_limit=QueueLimit(settings.max_queued),
    )
    events = MemoryEventLog(settings.event_buffer_bytes)
    return Storage(
        runs,
        threads,
        MemoryAssistantStore(settings.max_assistants),
        deliveries,
        feedback,
        events,
        NoChanges(),
        clock,
        checkpoints=None,
        items=None,
        durable=False,
        close=_close,
    )
