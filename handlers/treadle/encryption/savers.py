"""Checkpoints that are encrypted in their file: LangGraph's serializers are synchronous, and handlers are not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Coroutine, Iterator, Sequence
from functools import partial
from typing import Any, TypeVar, cast

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import (
    BaseCheckpointSaver,
    Checkpoint,
    CheckpointMetadata,
    CheckpointTuple,
    get_checkpoint_metadata,
)

from treadle.encryption.current import current_context
from treadle.encryption.sealing import CONTEXT, Sealing, each, is_sealed
from treadle.graphs.checkpointers import Saver, Savers

Json = dict[str, Any]
T = TypeVar("T")
# What the values of all channels are under, sealed as one blob.
_VALUES = "treadle:sealed"
# Metadata that Treadle and LangGraph look for in the file, and that says nothing of what a run is about.
_PLAIN = frozenset({"run_id", "source", "step", "parents", "counters_since_delta_snapshot"})


class EncryptedSavers(Savers):
    """Treadle's checkpointers in a file, each behind one that seals and opens."""

    def __init__(self, inner: Savers, sealing: Sealing) -> None:
        self._inner = inner
        self._sealing = sealing

    async def start(self) -> None:
        await self._inner.start()

    async def here(self) -> Saver:
        return EncryptedSaver(await self._inner.here(), self._sealing)

    async def delete_of_run(self, thread_id: str, run_id: str) -> None:
        await self._inner.delete_of_run(thread_id, run_id)

    async def keep_latest(self, thread_id: str) -> None:
        await self._inner.keep_latest(thread_id)

    async def close(self) -> None:
        await self._inner.close()


class EncryptedSaver(BaseCheckpointSaver[Any]):
    """A checkpointer that seals values and metadata with the context of the run, or of the request, at work."""

    def __init__(self, inner: Saver, sealing: Sealing) -> None:
        super().__init__(serde=inner.serde)
        self._inner = inner
        self._sealing = sealing

    def get_next_version(self, current: Any, channel: None) -> Any:
        return self._inner.get_next_version(current, channel)

    def with_allowlist(self, extra_allowlist: Collection[tuple[str, ...]]) -> EncryptedSaver:
        return EncryptedSaver(self._inner.with_allowlist(extra_allowlist), self._sealing)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        found = await self._inner.aget_tuple(config)
        return None if found is None else await self._sealing.here(lambda: self._opened(found))

    async def alist(self, config: RunnableConfig | None, **options: Any) -> AsyncIterator[CheckpointTuple]:
        # All of them first: the file is locked for others while they are read.
        for found in [one async for one in self._inner.alist(config, **options)]:
            yield await self._sealing.here(partial(self._opened, found))

    async def aput(self, config: RunnableConfig, checkpoint: Any, metadata: Any, new_versions: Any) -> RunnableConfig:
        context = current_context() or {}
        full = cast(Json, get_checkpoint_metadata(config, metadata))

        async def sealed() -> tuple[Checkpoint, CheckpointMetadata]:
            values, about = await asyncio.gather(
                self._sealed_values(context, checkpoint["channel_values"]),
                self._sealing.json(
                    context, "checkpoint", "metadata", {key: full[key] for key in full if key not in _PLAIN}
                ),
            )
            plain = {key: full[key] for key in full if key in _PLAIN}
            stored = cast(Checkpoint, {**checkpoint, "channel_values": values})
            return stored, cast(CheckpointMetadata, {**about, **plain})

        stored, known = await self._sealing.here(sealed)
        # Without the keys of the config, which LangGraph's own checkpointer would add to the metadata as they are.
        names = ("thread_id", "checkpoint_ns", "checkpoint_id")
        address = {name: config["configurable"][name] for name in names if name in config["configurable"]}
        return await self._inner.aput({"configurable": address}, stored, known, new_versions)

    async def aput_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        context = current_context() or {}

        async def sealed(write: tuple[str, Any]) -> tuple[str, Any]:
            channel, value = write
            return channel, None if value is None else await self._sealed(context, "writes", value)

        stored = await self._sealing.here(lambda: each(sealed, writes))
        await self._inner.aput_writes(config, stored, task_id, task_path)

    async def adelete_thread(self, thread_id: str) -> None:
        await self._inner.adelete_thread(thread_id)

    # Synchronous methods are for plain nodes that run a subgraph, on threads of their own.

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return self._waited(self.aget_tuple(config))

    def list(self, config: RunnableConfig | None, **options: Any) -> Iterator[CheckpointTuple]:
        async def listed() -> Sequence[CheckpointTuple]:
            return [one async for one in self.alist(config, **options)]

        yield from self._waited(listed())

    def put(self, config: RunnableConfig, checkpoint: Any, metadata: Any, new_versions: Any) -> RunnableConfig:
        return self._waited(self.aput(config, checkpoint, metadata, new_versions))

    def put_writes(
        self, config: RunnableConfig, writes: Sequence[tuple[str, Any]], task_id: str, task_path: str = ""
    ) -> None:
        self._waited(self.aput_writes(config, writes, task_id, task_path))

    def delete_thread(self, thread_id: str) -> None:
        self._waited(self.adelete_thread(thread_id))

    def _waited(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work` on the loop of the inner checkpointer, as LangGraph's own waits for it."""
        loop: asyncio.AbstractEventLoop = getattr(self._inner, "loop")  # noqa: B009 - only some have one
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is loop:
            work.close()
            raise asyncio.InvalidStateError("call the checkpointer's async methods in an async node")
        return asyncio.run_coroutine_threadsafe(work, loop).result()

    # On the home loop.

    async def _sealed(self, context: Json, field: str, value: Any) -> Any:
        """The value as a sealed blob; as it is without a handler for blobs."""
        if not self._sealing.handlers.has_blob:
            return value
        kind, data = self.serde.dumps_typed(value)
        return await self._sealing.blob(context, "checkpoint", field, kind.encode() + b"\n" + data)

    async def _value(self, field: str, stored: Any) -> Any:
        if not is_sealed(stored):
            return stored
        kind, _, data = (await self._sealing.open_blob("checkpoint", field, stored)).partition(b"\n")
        return self.serde.loads_typed((kind.decode(), data))

    async def _sealed_values(self, context: Json, values: Json) -> Json:
        sealed = await self._sealed(context, "values", values) if values else values
        return {_VALUES: sealed} if is_sealed(sealed) else values

    async def _opened(self, found: CheckpointTuple) -> CheckpointTuple:
        values: Json = found.checkpoint["channel_values"]
        metadata = cast(Json, found.metadata)

        async def write(pending: tuple[str, str, Any]) -> tuple[str, str, Any]:
            task_id, channel, value = pending
            return task_id, channel, await self._value("writes", value)

        opened, about, writes = await asyncio.gather(
            self._value("values", values.get(_VALUES)),
            self._metadata(metadata),
            each(write, found.pending_writes or ()),
        )
        checkpoint = {**found.checkpoint, "channel_values": opened if _VALUES in values else values}
        return found._replace(
            checkpoint=cast(Checkpoint, checkpoint), metadata=cast(CheckpointMetadata, about), pending_writes=writes
        )

    async def _metadata(self, stored: Json) -> Json:
        if CONTEXT not in stored:
            return stored
        plain = {key: stored[key] for key in stored if key in _PLAIN}
        sealed = {key: stored[key] for key in stored if key not in _PLAIN}
        return {**await self._sealing.open_json("checkpoint", "metadata", sealed), **plain}
