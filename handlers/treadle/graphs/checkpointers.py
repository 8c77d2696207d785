"""LangGraph's checkpointers, which go with the store: opened when the first run needs one."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiosqlite
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

Saver = BaseCheckpointSaver[Any]


class Savers(ABC):
    """The checkpointers of kept threads: one for each event loop that graphs run on."""

    @abstractmethod
    async def here(self) -> Saver:
        """The checkpointer for graphs on the running loop."""

    @abstractmethod
    async def close(self) -> None:
        """Close the connections. Called while the loops still run."""


def open_savers(file: Path | None) -> Savers:
    """Checkpointers in an SQLite file, or in memory."""
    return MemorySavers() if file is None else SqliteSavers(file)


class MemorySavers(Savers):
    """Checkpoints that end with the process."""

    def __init__(self) -> None:
        self.saver = MemorySaver()

    async def here(self) -> Saver:
        return self.saver

    async def close(self) -> None:
        """Nothing was opened."""


class MemorySaver(InMemorySaver):
    """Checkpoints in memory. Reading a thread that has none leaves nothing behind, as it does in LangGraph's own."""

    def __init__(self) -> None:
        super().__init__(serde=serializer())

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return super().get_tuple(config) if self._has(config) else None

    def list(self, config: RunnableConfig | None, **options: Any) -> Iterator[CheckpointTuple]:
        return super().list(config, **options) if config is None or self._has(config) else iter(())

    def _has(self, config: RunnableConfig) -> bool:
        configurable = config["configurable"]
        return configurable.get("checkpoint_ns", "") in self.storage.get(configurable["thread_id"], ())


class SqliteSavers(Savers):
    """Checkpoints in an SQLite file of their own, beside that of the runs."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._opened: dict[asyncio.AbstractEventLoop, asyncio.Task[AsyncSqliteSaver]] = {}

    async def here(self) -> Saver:
        loop = asyncio.get_running_loop()
        opened = self._opened.get(loop)
        if opened is None or (opened.done() and (opened.cancelled() or opened.exception() is not None)):
            self._opened[loop] = loop.create_task(self._open())  # also after a failure: there may be room by now
        return await asyncio.shield(self._opened[loop])

    async def close(self) -> None:
        for loop, opened in self._opened.items():
            if opened.done() and opened.exception() is None:
                closing = asyncio.run_coroutine_threadsafe(opened.result().conn.close(), loop)
                with suppress(TimeoutError):
                    await asyncio.wait_for(asyncio.wrap_future(closing), timeout=1)

    async def _open(self) -> AsyncSqliteSaver:
        connection = await aiosqlite.connect(self.path)
        try:
            await connection.execute("PRAGMA synchronous = NORMAL")
            saver = AsyncSqliteSaver(connection, serde=serializer())
            await saver.setup()
        except BaseException:  # a cancellation too: the connection has a thread of its own
            await connection.close()
            raise
        return saver


def serializer() -> JsonPlusSerializer:
    """The serializer: values that the checkpointer's own format does not support are pickled (recorded)."""
    return JsonPlusSerializer(pickle_fallback=True)
