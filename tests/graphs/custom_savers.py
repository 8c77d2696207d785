"""Checkpointers as authors write them, in several forms, and graphs whose states are not plain data."""

from __future__ import annotations

import asyncio
import os
from collections import UserDict
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple
from uuid import UUID

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import BaseCheckpointSaver, CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.encrypted import EncryptedSerializer
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

Json = dict[str, Any]
made: list[Noting] = []
"""The checkpointers that were made, in order."""
ended: list[str] = []
"""The forms that were left at the end of their server."""


class Noting(InMemorySaver):
    """A checkpointer without the methods that are not needed for every run. It notes what calls it where."""

    def __init__(self) -> None:
        super().__init__()
        self.called: list[str] = []
        self.loops: set[asyncio.AbstractEventLoop] = set()
        made.append(self)

    def note(self, method: str) -> None:
        """Note the loop; this fails without one."""
        self.called.append(method)
        self.loops.add(asyncio.get_running_loop())

    def checkpoints(self, thread_id: str) -> int:
        """How many checkpoints of a thread there are."""
        return sum(map(len, dict(self.storage).get(thread_id, {}).values()))

    def kept(self, thread_id: str) -> int:
        """How many checkpoints, writes and values of a thread there are."""
        keys = [*list(self.writes), *list(self.blobs)]
        return self.checkpoints(thread_id) + sum(1 for key in keys if key[0] == thread_id)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        self.note("aget_tuple")
        return await super().aget_tuple(config)

    async def alist(self, config: RunnableConfig | None, **options: Any) -> AsyncIterator[CheckpointTuple]:
        self.note("alist")
        async for each in super().alist(config, **options):
            yield each

    async def aput(self, config: RunnableConfig, *values: Any) -> RunnableConfig:
        self.note("aput")
        return await super().aput(config, *values)

    async def aput_writes(self, config: RunnableConfig, *values: Any) -> None:
        self.note("aput_writes")
        await super().aput_writes(config, *values)

    async def adelete_thread(self, thread_id: str) -> None:
        self.note("adelete_thread")
        await super().adelete_thread(thread_id)


class Full(Noting):
    """A checkpointer with all methods that LangGraph names."""

    async def adelete_for_runs(self, run_ids: Sequence[str]) -> None:
        self.note("adelete_for_runs")
        for thread_id, namespace, checkpoint_id in self._all():
            _, metadata, _ = self.storage[thread_id][namespace][checkpoint_id]
            if self.serde.loads_typed(metadata).get("run_id") in run_ids:
                self._drop(thread_id, namespace, checkpoint_id)

    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        self.note(f"aprune {strategy}")
        for thread_id, namespace, checkpoint_id in self._all():
            if thread_id in thread_ids and checkpoint_id != max(self.storage[thread_id][namespace]):
                self._drop(thread_id, namespace, checkpoint_id)

    def _all(self) -> list[tuple[str, str, str]]:
        return [
            (thread_id, namespace, checkpoint_id)
            for thread_id, namespaces in self.storage.items()
            for namespace, checkpoints in namespaces.items()
            for checkpoint_id in checkpoints
        ]

    def _drop(self, thread_id: str, namespace: str, checkpoint_id: str) -> None:
        del self.storage[thread_id][namespace][checkpoint_id]
        self.writes.pop((thread_id, namespace, checkpoint_id), None)
        if not any(self.storage[thread_id].values()):
            self.delete_thread(thread_id)


unprunable: set[str] = set()
"""Threads that `Unpruning` fails to prune."""


class Unpruning(Full):
    async def aprune(self, thread_ids: Sequence[str], *, strategy: str = "keep_latest") -> None:
        if unprunable & set(thread_ids):
            raise OSError("no room")
        await super().aprune(thread_ids, strategy=strategy)


class Minimal(BaseCheckpointSaver[str]):
    """A checkpointer with nothing but what every kept run needs, and asynchronous only."""

    def __init__(self) -> None:
        super().__init__()
        self._inner = InMemorySaver()

    def get_next_version(self, current: str | None, channel: None) -> str:
        return self._inner.get_next_version(current, channel)

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return await self._inner.aget_tuple(config)

    async def alist(self, config: RunnableConfig | None, **options: Any) -> AsyncIterator[CheckpointTuple]:
        async for each in self._inner.alist(config, **options):
            yield each

    async def aput(self, config: RunnableConfig, *values: Any) -> RunnableConfig:
        return await self._inner.aput(config, *values)

    async def aput_writes(self, config: RunnableConfig, *values: Any) -> None:
        await self._inner.aput_writes(config, *values)


class ByUuid(Noting):
    """A checkpointer whose table has a column for UUIDs."""

    async def aget_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        UUID(config["configurable"]["thread_id"])
        return await super().aget_tuple(config)


class Reversing:
    """A cipher that is easily read, but not by accident."""

    def encrypt(self, plaintext: bytes) -> tuple[str, bytes]:
        return "reversed", plaintext[::-1]

    def decrypt(self, ciphername: str, ciphertext: bytes) -> bytes:
        return ciphertext[::-1]


class OwnSerializer(JsonPlusSerializer):
    """A serializer of the author's own."""


def encrypted() -> Noting:
    saver = Full()
    saver.serde = EncryptedSerializer(Reversing())
    return saver


def own_serializer() -> Noting:
    saver = Full()
    saver.serde = OwnSerializer()
    return saver


@asynccontextmanager
async def opened() -> AsyncIterator[Noting]:
    yield Full()
    ended.append("opened")


@contextmanager
def entered() -> Iterator[Noting]:
    yield Full()
    ended.append("entered")


def plain() -> Noting:
    return Full()


async def awaited() -> Noting:
    await asyncio.sleep(0)
    return Full()


instance = Full()


def lacking() -> Noting:
    return Noting()


def in_file() -> AbstractAsyncContextManager[AsyncSqliteSaver]:
    """A checkpointer in the file that the environment names."""
    return AsyncSqliteSaver.from_conn_string(os.environ["AUTHORS_CHECKPOINTS"])


class Unforgetting(AsyncSqliteSaver):
    """A checkpointer that deletes nothing."""

    async def adelete_thread(self, thread_id: str) -> None:
        raise NotImplementedError


def unforgetting() -> AbstractAsyncContextManager[AsyncSqliteSaver]:
    """As `in_file`."""
    return Unforgetting.from_conn_string(os.environ["AUTHORS_CHECKPOINTS"])


# Graphs


class Point(NamedTuple):
    """As JSON it is a list. Where its class is not made again, it stays the object that it is stored as."""

    x: int
    y: int


class Opaque(UserDict[str, int]):
    """What nothing but pickle can store."""


class State(TypedDict, total=False):
    value: Any


def of(value: Any) -> Any:
    """A graph that leaves a value in its state."""
    return StateGraph(State).add_node("node", lambda state: {"value": value}).add_edge(START, "node").compile()


@dataclass
class Order:
    """A class of the schema of a state. JSON of its objects has no `_note`; their stored form has."""

    size: int
    _note: str = "n"


@dataclass
class Other(Order):
    """A class that no schema has."""


class Declared(TypedDict, total=False):
    value: Order


pointing = of(Point(1, 2))
declaring = StateGraph(Declared).add_node("node", lambda state: {"value": Order(3)}).add_edge(START, "node").compile()
undeclared = of(Other(3))
_inner = StateGraph(State).add_node("inner", lambda state: {"value": 3}).add_edge(START, "inner").compile()
blocking = StateGraph(State).add_node("outer", lambda state: _inner.invoke(state)).add_edge(START, "outer").compile()
opaque = of(Opaque(size=3))
