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

Json = dict[str, Any]
Saver = BaseCheckpointSaver[Any]
Place = tuple[str, str]
"""The namespace and the id of a checkpoint."""
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
_DELETE_OTHERS = tuple(
    f"DELETE FROM {table} WHERE thread_id = :thread_id AND (checkpoint_ns, checkpoint_id) NOT IN "
    "(SELECT value ->> 0, value ->> 1 FROM json_each(:kept))"
    for table in ("writes", "checkpoints")
)


class Savers(ABC):
    """The checkpointers of kept threads, as the code on an event loop may use them."""

    @abstractmethod
    async def start(self) -> None:
        """Open what is opened at the start. Raises GraphError if the author's own checkpointer cannot be opened."""

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


def open_savers(file: Path | None, serde: Json | None = None) -> Savers:
    """Checkpointers in an SQLite file, or in memory."""
    return MemorySavers(serde) if file is None else SqliteSavers(file, serde)


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
        self.saver.keep(thread_id, await _needed(self.saver, thread_id))

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

    def keep(self, thread_id: str, needed: set[Place]) -> None:
        """Delete all checkpoints of the thread but these, and the values that only the others had."""
        for namespace, checkpoints in self.storage.get(thread_id, {}).items():
            versions: set[tuple[str, Any]] = set()
            for checkpoint_id, (checkpoint, _, _) in list(checkpoints.items()):
                if (namespace, checkpoint_id) in needed:
                    versions |= set(self.serde.loads_typed(checkpoint)["channel_versions"].items())
                else:
                    del checkpoints[checkpoint_id]
                    self.writes.pop((thread_id, namespace, checkpoint_id), None)
            for place in [place for place in self.blobs if place[:2] == (thread_id, namespace)]:
                if place[2:] not in versions:
                    del self.blobs[place]

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
        kept = json.dumps(sorted(await _needed(saver, thread_id)))
        async with saver.lock, saver.conn.cursor() as cursor:
            for statement in _DELETE_OTHERS:
                await cursor.execute(statement, {"thread_id": thread_id, "kept": kept})
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


async def _needed(saver: Saver, thread_id: str) -> set[Place]:
    """The newest checkpoint of each namespace. Channels that store only what has changed need earlier ones too."""
    newest: dict[str, CheckpointTuple] = {}
    async for each in saver.alist({"configurable": {"thread_id": thread_id}}):
        newest.setdefault(each.config["configurable"]["checkpoint_ns"], each)
    needed = set()
    for checkpoint in newest.values():
        at: CheckpointTuple | None = checkpoint
        incomplete = set(_changes(checkpoint))
        while at is not None:
            needed.add((at.config["configurable"]["checkpoint_ns"], at.config["configurable"]["checkpoint_id"]))
            incomplete &= set(_changes(at))
            at = await saver.aget_tuple(at.parent_config) if incomplete and at.parent_config else None
    return needed


def _changes(checkpoint: CheckpointTuple) -> Json:
    """By channel that does not have its whole value in the checkpoint: how many steps ago it had."""
    return dict(checkpoint.metadata.get("counters_since_delta_snapshot") or {})
