"""A checkpointer of the author's own (`checkpointer.path` in `langgraph.json`)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.serde.base import SerializerProtocol
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer

from treadle.errors import GraphError
from treadle.graphs.checkpointers import Saver, Savers, serializer
from treadle.graphs.event_loops import GraphLoop
from treadle.graphs.opened import Opened, instance_of

_NOBODYS_THREAD = str(UUID(int=0))
log = structlog.get_logger("treadle.graphs")


class CustomSavers(Savers):
    """One checkpointer, which belongs to the graphs' home loop; elsewhere it is called through that loop."""

    def __init__(self, source: Any, where: str, serde: dict[str, Any] | None, home: GraphLoop) -> None:
        self._opened = Opened[Saver](partial(_opened, source), where, home)
        self._where = where
        self._serde = serde
        self._home = home
        self._saver: Saver | None = None
        self._elsewhere: SaverElsewhere | None = None

    async def start(self) -> None:
        self._saver = await self._opened.open()
        if self._serde is not None:
            self._saver.serde = self._limited(self._saver.serde, serializer(self._serde))
        self._elsewhere = SaverElsewhere(self._saver, self._home)
        if not _has(self._saver, "adelete_thread"):
            log.warning("the checkpointer has no method adelete_thread: threads cannot be deleted", where=self._where)

    def _limited(self, own: SerializerProtocol, configured: JsonPlusSerializer) -> SerializerProtocol:
        """Return the serializer with the limits of the configuration. An encrypting serializer still encrypts."""
        if isinstance(own, EncryptedSerializer):
            return EncryptedSerializer(own.cipher, configured)
        if type(own) is JsonPlusSerializer:
            return configured
        kind = type(own).__name__
        raise GraphError(f"{self._where}: its serde is a {kind}, which checkpointer.serde cannot limit; remove that")

    async def here(self) -> Saver:
        assert self._saver is not None and self._elsewhere is not None, "used before the start"
        return self._saver if asyncio.get_running_loop() is self._home.loop else self._elsewhere

    async def delete_of_run(self, thread_id: str, run_id: str) -> None:
        saver = await self.here()
        if _has(self._saver, "adelete_for_runs"):
            await saver.adelete_for_runs([run_id])
            return
        written_by = {each.metadata.get("run_id") async for each in saver.alist(_thread(thread_id))}
        if written_by - {run_id}:
            raise NotImplementedError(f"{type(self._saver).__name__} has no method adelete_for_runs")
        if written_by:
            await saver.adelete_thread(thread_id)

    async def keep_latest(self, thread_id: str) -> None:
        if _has(self._saver, "aprune"):
            await (await self.here()).aprune([thread_id], strategy="keep_latest")
        else:
            reason = "the checkpointer has no method aprune: a thread that expired keeps all of its checkpoints"
            log.warning(reason, where=self._where, thread_id=thread_id)

    async def close(self) -> None:
        await self._opened.close()


class SaverElsewhere(BaseCheckpointSaver[Any]):
    """A checkpointer that belongs to another event loop. The author's class may override any method.

    Synchronous ones are for plain nodes that run a subgraph: they stay on the thread of their caller.
    """

    def __init__(self, saver: Saver, home: GraphLoop) -> None:
        super().__init__(serde=saver.serde)
        self.loop = home.loop
        self._saver = saver
        self._home = home

    def get_next_version(self, current: Any, channel: None) -> Any:
        return self._saver.get_next_version(current, channel)

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> SaverElsewhere:
        return SaverElsewhere(self._saver.with_allowlist(extra_allowlist), self._home)

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self._saver.get_tuple(config)

    def list(self, config: RunnableConfig | None, **options: Any) -> Iterator[CheckpointTuple]:
        return self._saver.list(config, **options)

    def put(self, *values: Any) -> RunnableConfig:
        return self._saver.put(*values)

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._saver.put_writes(config, writes, task_id, task_path)

    def get_delta_channel_history(self, **options: Any) -> Any:
        return self._saver.get_delta_channel_history(**options)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await self._home.call(lambda: self._saver.aget_tuple(config))

    async def alist(self, config: RunnableConfig | None, **options: Any) -> AsyncIterator[CheckpointTuple]:
        async def listed() -> Sequence[CheckpointTuple]:
            return [each async for each in self._saver.alist(config, **options)]

        for each in await self._home.call(listed):
            yield each

    async def aput(self, *values: Any) -> RunnableConfig:
        return await self._home.call(lambda: self._saver.aput(*values))

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        await self._home.call(lambda: self._saver.aput_writes(config, writes, task_id, task_path))

    async def aget_delta_channel_history(self, **options: Any) -> Any:
        return await self._home.call(lambda: self._saver.aget_delta_channel_history(**options))

    async def adelete_thread(self, thread_id: str) -> None:
        await self._home.call(lambda: self._saver.adelete_thread(thread_id))

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        await self._home.call(lambda: self._saver.adelete_for_runs(run_ids))

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        await self._home.call(lambda: self._saver.aprune(thread_ids, strategy=strategy))


async def _opened(source: Any, stack: AsyncExitStack) -> Saver:
    """Return the checkpointer. It reads once, so that one that cannot read stops the start and not each kept run."""
    saver: Saver = await instance_of(BaseCheckpointSaver, source, stack)
    try:
        await saver.aget_tuple(_thread(_NOBODYS_THREAD))
    except NotImplementedError:
        raise TypeError(f"{type(saver).__name__} has no async methods; name one that has them") from None
    return saver


def _has(saver: Saver | None, method: str) -> bool:
    return getattr(type(saver), method) is not getattr(BaseCheckpointSaver, method)


def _thread(thread_id: str) -> RunnableConfig:
    return {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}
