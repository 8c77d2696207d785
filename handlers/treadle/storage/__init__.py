"""Where runs, kept threads and events live; `open_storage` picks the backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from treadle.errors import ConfigError
from treadle.settings import Settings
from treadle.storage.contract.store import Storage
from treadle.storage.events.rows import WithRows


async def open_storage(
    settings: Settings, graph_ids: Sequence[str], clock: Callable[[], float], with_rows: WithRows | None = None
) -> Storage:
    """The storage that `settings.database_uri` names, for a process that has these graphs.

    `with_rows` makes the rows of events that a store in a file uses. Raises ConfigError for an unknown scheme.
    """
    if settings.backend == "memory":
        from treadle.storage.memory import open_memory

        return await open_memory(settings, clock)
    if settings.backend == "sqlite":
        from treadle.storage.sqlite import open_sqlite

        return await open_sqlite(settings, graph_ids, clock, with_rows)
    raise ConfigError(f"DATABASE_URI={settings.database_uri!r}: no such kind of store; use sqlite:///PATH or memory://")
