"""Where runs, kept threads and events live; `open_storage` picks the backend."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from treadle.errors import ConfigError
from treadle.settings import Settings
from treadle.storage.contract.store import Storage
from treadle.storage.events.rows import WithRows


async def open_storage(
    settings: Settings,
    graph_ids: Sequence[str],
    clock: Callable[[], float] | None = None,
    with_rows: WithRows | None = None,
) -> Storage:
    """The storage that `settings.database_uri` names, for a process that has these graphs.

    `clock` is its time, instead of its own; `with_rows` makes the rows of events that a shared store uses. Raises
    ConfigError for an unknown scheme.
    """
    if settings.backend == "memory":
        from treadle.storage.memory import open_memory

        return await open_memory(settings, clock or time.time)
    if settings.backend == "sqlite":
        from treadle.storage.sqlite import open_sqlite

        return await open_sqlite(settings, graph_ids, clock or time.time, with_rows)
    if settings.backend in ("postgresql", "postgres"):
        try:
            from treadle.storage.postgres import open_postgres
        except ModuleNotFoundError as error:
            raise ConfigError(
                f"DATABASE_URI: PostgreSQL needs {error.name}; install Treadle with its extra `postgres`"
            ) from None
        return await open_postgres(settings, graph_ids, clock, with_rows)
    raise ConfigError(
        f"DATABASE_URI={settings.store_shown!r}: no such kind of store; use sqlite:///PATH, postgresql://… or memory://"
    )
