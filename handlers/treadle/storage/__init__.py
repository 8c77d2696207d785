"""Where runs, kept threads and events live; `open_storage` picks the backend by the scheme of `DATABASE_URI`."""

from __future__ import annotations

from collections.abc import Callable

from treadle.errors import ConfigError
from treadle.settings import Settings
from treadle.storage.base import Storage


def open_storage(settings: Settings, clock: Callable[[], float]) -> Storage:
    """The storage that `settings.database_uri` names. Raises ConfigError for an unknown scheme."""
    scheme = settings.database_uri.partition(":")[0]
    if scheme == "memory":
        from treadle.storage.memory_events import MemoryEventLog
        from treadle.storage.memory_runs import MemoryRunStore
        from treadle.storage.memory_threads import MemoryThreadStore

        threads = MemoryThreadStore(clock)
        runs = MemoryRunStore(clock, threads, ttl=settings.run_ttl, retention_bytes=settings.run_retention_bytes)
        return Storage(runs, threads, MemoryEventLog(settings.event_buffer_bytes), durable=False)
    raise ConfigError(f"DATABASE_URI={settings.database_uri!r}: no such kind of store; use memory://")
