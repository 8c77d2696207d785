"""LangGraph's checkpointers, which go with the store: opened when the first run needs one."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

from treadle.graphs.event_loops import GraphLoop
from treadle.graphs.pruning import older
from treadle.storage.contract.store import DatabaseSchema, Place

Json = dict[str, Any]
Saver = BaseCheckpointSaver[Any]
# LangGraph puts the run's id, which is in its config, into the metadata of each checkpoint.
_OF_RUN = """
thread_id = :thread_id AND CASE WHEN json_valid(CAST(metadata AS TEXT))
    THEN json_extract(CAST(metadata AS TEXT), '$.run_id') END = :run_id
"""
_DELETE_OF_RUN = (
    "DELETE FROM writes WHERE thread_id = :thread_id AND (checkpoint_ns, checkpoint_id) IN "
    f"(SELECT checkpoint_ns, checkpoint_id FROM checkpoints WHERE {_OF_RUN})",
    f"DELETE FROM checkpoints WHERE {_OF_RUN}",
    # Writes may belong to a checkpoint that was never saved: they go with the last checkpoint of the thread.
    "DELETE FROM writes WHERE thread_id = :thread_id AND NOT EXISTS "
    "(SELECT 1 FROM checkpoints WHERE thread_id = :thread_id)",
)
# In the metadata of a checkpoint: by channel, how long ago it had its whole value.
COUNTERS = "counters_since_delta_snapshot"
# Values are not read: an old one may be of a class that is no longer there.
_ORIGINS = f"""
SELECT checkpoint_ns, checkpoint_id, parent_checkpoint_id, CASE WHEN json_valid(CAST(metadata AS TEXT))
    THEN json_extract(CAST(metadata AS TEXT), '$.{COUNTERS}') END
FROM checkpoints WHERE thread_id = :thread_id
"""
_DELETE_EACH = tuple(
    f"DELETE FROM {table} WHERE thread_id = :thread_id AND (checkpoint_ns, checkpoint_id) IN "
    "(SELECT value ->> 0, value ->> 1 FROM json_each(:gone))"
    for table in ("writes", "checkpoints")
)


class Savers(ABC):
    """The checkpointers of kept threads, as the code on an event loop may use them."""

    @abstractmethod
    async def start(self) -> None:
        """Open the author's own checkpointer. Raises GraphError if that fails. Treadle's opens at first use."""

    @abstractmethod
    async def here(self) -> Saver:
        """The checkpointer for code on the running loop."""

    @abstractmethod
    async def delete_of_run(self, thread_id: str, run_id: str) -> None:
        """Delete the checkpoints that a run wrote in its thread; those of earlier runs stay."""

    @abstractmethod
    async def keep_latest(self, thread_id: str) -> None:
        """Delete the checkpoints of a thread but the newest of each namespace, and those that this is made from."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections. Called while the loops still run."""


def open_savers(place: Place, serde: Json | None = None, home: GraphLoop | None = None) -> Savers:
    """Checkpointers in an SQLite file, in a schema, or in memory. Connections to a server belong to the `home` loop."""
    if isinstance(place, DatabaseSchema):
        from treadle.graphs.postgres.savers import PostgresSavers

        return PostgresSavers(place, serde, home)
    return MemorySavers(serde) if place is None else SqliteSavers(place, serde)


class MemorySavers(Savers):
    """Checkpoints that end with the process."""

    def __init__(self, serde: Json | None = None) -> None:
        self.saver = MemorySaver(serde)

    async def start(self) -> None:
        """There is nothing to open."""

    async def here(self) -> Saver:
        return self.saver

    async def delete_of_run(self, thread_id: str, run_id: str) -> None:
        self.saver.delete_of_run(thread_id, run_id)

    async def keep_latest(self, thread_id: str) -> None:
        self.saver.keep_latest(thread_id)

    async def close(self) -> None:
        """Nothing was opened."""


class MemorySaver(InMemorySaver):
    """Checkpoints in memory. Reading a thread that has none leaves nothing behind, as it does in LangGraph's own."""

    def __init__(self, serde: Json | None = None) -> None:
        super().__init__(serde=serializer(serde))

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return super().get_tuple(config) if self._has(config) else None

    def list(self, config: RunnableConfig | None, **options: Any) -> Iterator[CheckpointTuple]:
        return super().list(config, **options) if config is None or self._has(config) else iter(())

    def delete_of_run(self, thread_id: str, run_id: str) -> None:
        """Delete the checkpoints that a run wrote in its thread."""
        namespaces = self.storage.get(thread_id, {})
        for namespace, checkpoints in namespaces.items():
            for checkpoint_id, (_, metadata, _) in list(checkpoints.items()):
                if self.serde.loads_typed(metadata).get("run_id") == run_id:
                    del checkpoints[checkpoint_id]
                    self.writes.pop((thread_id, namespace, checkpoint_id), None)
        if not any(namespaces.values()):
            self.delete_thread(thread_id)  # with the values that no checkpoint has any more

    def keep_latest(self, thread_id: str) -> None:
        """Delete the older checkpoints of the thread, and the values that only they had."""
        namespaces = self.storage.get(thread_id, {})
        found = {
            (namespace, checkpoint_id): (parent_id, self.serde.loads_typed(metadata).get(COUNTERS) or ())
            for namespace, checkpoints in namespaces.items()
            for checkpoint_id, (_, metadata, parent_id) in checkpoints.items()
        }
        gone: set[tuple[str, str, Any]] = set()
        for namespace, checkpoint_id in older(found):
            checkpoint, _, _ = namespaces[namespace].pop(checkpoint_id)
            self.writes.pop((thread_id, namespace, checkpoint_id), None)
            gone |= self._values(namespace, checkpoint)
        kept = {
            each
            for namespace in namespaces
            for row in namespaces[namespace].values()
            for each in self._values(namespace, row[0])
        }
        for namespace, channel, version in gone - kept:
            self.blobs.pop((thread_id, namespace, channel, version), None)

    def _values(self, namespace: str, checkpoint: Any) -> set[tuple[str, str, Any]]:
        """The values that belong to a checkpoint: namespace, channel and version. They are kept elsewhere."""
        versions = self.serde.loads_typed(checkpoint)["channel_versions"]
        return {(namespace, channel, version) for channel, version in versions.items()}

    def _has(self, config: RunnableConfig) -> bool:
        configurable = config["configurable"]
        return configurable.get("checkpoint_ns", "") in self.storage.get(configurable["thread_id"], ())


class SqliteSavers(Savers):
    """Checkpoints in an SQLite file of their own, beside that of the runs."""

    def __init__(self, path: Path, serde: Json | None = None) -> None:
        self.path = path
        self._serde = serde
        self._opened: dict[asyncio.AbstractEventLoop, asyncio.Task[AsyncSqliteSaver]] = {}

    async def start(self) -> None:
        """The file is opened when the first run needs it."""

    async def here(self) -> AsyncSqliteSaver:
        loop = asyncio.get_running_loop()
        opened = self._opened.get(loop)
        if opened is None or (opened.done() and (opened.cancelled() or opened.exception() is not None)):
            self._opened[loop] = loop.create_task(self._open())  # also after a failure: there may be room by now
        return await asyncio.shield(self._opened[loop])

    async def delete_of_run(self, thread_id: str, run_id: str) -> None:
        saver = await self.here()
        async with saver.lock, saver.conn.cursor() as cursor:
            for statement in _DELETE_OF_RUN:
                await cursor.execute(statement, {"thread_id": thread_id, "run_id": run_id})
            await saver.conn.commit()

    async def keep_latest(self, thread_id: str) -> None:
        saver = await self.here()
        async with saver.lock, saver.conn.cursor() as cursor:
            await cursor.execute(_ORIGINS, {"thread_id": thread_id})
            found = {
                (namespace, checkpoint_id): (parent_id, json.loads(counters or "[]"))
                for namespace, checkpoint_id, parent_id, counters in await cursor.fetchall()
            }
            gone = json.dumps(sorted(older(found)))
            for statement in _DELETE_EACH:
                await cursor.execute(statement, {"thread_id": thread_id, "gone": gone})
            await saver.conn.commit()

    async def close(self) -> None:
        for loop, opened in self._opened.items():
            if opened.done() and opened.exception() is None:
                closing = asyncio.run_coroutine_threadsafe(opened.result().conn.close(), loop)
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.wrap_future(closing), timeout=1)

    async def _open(self) -> AsyncSqliteSaver:
        async with AsyncExitStack() as undo:
            connection = await aiosqlite.connect(self.path)
            undo.push_async_callback(connection.close)  # it has a thread of its own
            await connection.execute("PRAGMA synchronous = NORMAL")
            saver = AsyncSqliteSaver(connection, serde=serializer(self._serde))
            await saver.setup()
            undo.pop_all()
        return saver


def serializer(serde: Json | None = None) -> JsonPlusSerializer:
    """The serializer: values that the checkpointer's own format does not support are pickled (recorded).

    `serde`: arguments of LangGraph's serializer, from the configuration.
    """
    return JsonPlusSerializer(**({"pickle_fallback": True} if serde is None else serde))
