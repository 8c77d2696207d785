"""The states that the checkpoints of kept threads hold: read, and written by supersteps."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, TypeVar

from langchain_core.runnables import RunnableConfig
from langgraph.types import StateUpdate

from treadle.encoding import encode, failure
from treadle.errors import CheckpointNotFound, InvalidRequest, StateInvalid, StateUnreadable, StorageUnavailable
from treadle.execution.config import Deployment, graph_config
from treadle.execution.graph_input import graph_command
from treadle.graphs.checkpoints import Checkpoints, OpenGraphs, left_in_thread
from treadle.graphs.event_loops import GraphLoop
from treadle.graphs.factories import Access
from treadle.graphs.loading import AnyPregel
from treadle.storage.contract.threads import ThreadRecord, ThreadState, ThreadStore
from treadle.threads.views import NO_STATE, selected, snapshot_view
from treadle.users import User, user_keys
from treadle_api.models import ThreadCreateSupersteps, ThreadSuperstepUpdate

Json = dict[str, Any]
T = TypeVar("T")
# Keys of a checkpoint that clients may set: LangGraph keeps other keys in the same place.
ADDRESS = ("checkpoint_ns", "checkpoint_id", "checkpoint_map")
# Keys of metadata that each checkpointer finds: LangGraph's for SQLite refuses others, and takes a dot for a path.
_FOUND = re.compile(r"[a-zA-Z0-9_-]+")


@dataclass(frozen=True, slots=True)
class ThreadStates:
    """Reads and writes the states of threads, on the graphs' event loop."""

    threads: ThreadStore
    graphs: OpenGraphs
    checkpoints: Checkpoints
    loop: GraphLoop
    deployment: Deployment

    async def state(
        self,
        record: ThreadRecord,
        user: User | None,
        *,
        checkpoint: Json | None = None,
        subgraphs: bool = False,
        select: Sequence[str] | None = None,
    ) -> bytes:
        """The API's ThreadState as JSON: at the newest checkpoint, or at the one of this address.

        Raises CheckpointNotFound (404), StateInvalid (400) if the state does not fit the graph's
        schema, StateUnreadable (500) if the graph's own code fails, StorageUnavailable (503).
        """
        thread_id = record.thread_id
        config = _checkpoint_config(thread_id, checkpoint)

        async def read() -> bytes | None:
            async with self._opened(record, user) as graph:
                snapshot = await graph.aget_state(config, subgraphs=subgraphs)
                return None if snapshot.created_at is None else encode(selected(snapshot_view(snapshot), select))

        found = await self._read(thread_id, read)
        if found is None and (checkpoint_id := config["configurable"].get("checkpoint_id")):
            raise CheckpointNotFound(f"Thread {thread_id} has no checkpoint {checkpoint_id}")
        return encode(selected(NO_STATE, select)) if found is None else found

    async def history(
        self,
        record: ThreadRecord,
        user: User | None,
        *,
        limit: int,
        before: Json | None = None,
        metadata: Json | None = None,
        checkpoint: Json | None = None,
        select: Sequence[str] | None = None,
    ) -> bytes:
        """States at past checkpoints, the newest first, as a JSON array.

        `before` and `checkpoint` are addresses of checkpoints: only older states, only states of that namespace.
        Raises StateInvalid (400), StateUnreadable (500) if the graph's own code fails, StorageUnavailable (503).
        """
        thread_id = record.thread_id
        older = _checkpoint_config(thread_id, before) if before and before.get("checkpoint_id") else None
        sought = {key: value for key, value in (metadata or {}).items() if _is_found(key, value)}
        compared = {key: value for key, value in (metadata or {}).items() if key not in sought}

        async def read() -> bytes:
            states: list[bytes] = []
            async with self._opened(record, user) as graph:
                config = _checkpoint_config(thread_id, checkpoint)
                count = None if compared else limit
                # To its end: LangGraph's for SQLite would keep its lock.
                async for snapshot in graph.aget_state_history(config, filter=sought, before=older, limit=count):
                    if len(states) < limit and _has(snapshot.metadata, compared):
                        states.append(encode(selected(snapshot_view(snapshot), select)))
                    await asyncio.sleep(0)  # runs share this loop
            return b"[%b]" % b",".join(states)

        return await self._read(thread_id, read) or b"[]"

    async def _read(self, thread_id: str, read: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """The result of `read` on the graphs' loop, for a thread with checkpoints; None without checkpoints."""
        record = await self.threads.get(thread_id)
        if record is None:
            return None
        if record.graph_id is not None and record.graph_id not in self.graphs.graphs.ids:
            raise InvalidRequest(f"thread_id: it is a thread of {record.graph_id!r}, a graph that is not here")

        async def guarded() -> T | None:
            try:
                return await read() if await self.checkpoints.exist(thread_id) else None
            except StorageUnavailable:
                raise
            except Exception as error:  # the author's factories, reducers and values are at work here
                shown = failure(error)
                # A state that was written before it was validated, such as a run's input, is no defect (recorded).
                kind = StateInvalid if isinstance(error, ValueError) else StateUnreadable
                raise kind(f"The state cannot be read: {shown['error']}: {shown['message']}") from error

        return await self.loop.call(guarded)

    def _opened(
        self, record: ThreadRecord, user: User | None, access: Access = "threads.read"
    ) -> AbstractAsyncContextManager[AnyPregel]:
        """The graph of the thread, which a factory makes for `user`, and not for the user of the last run."""
        config = record.graph_config and graph_config(record.graph_config, self.deployment, attempt=1)
        config = config or _checkpoint_config(record.thread_id)
        config["configurable"].update(user_keys(user))
        return self.graphs.open(record.graph_id or "", config, access=access, keeping=True)

    async def write(
        self, record: ThreadRecord, supersteps: Sequence[ThreadCreateSupersteps], user: User | None
    ) -> ThreadState:
        """Write the supersteps as checkpoints, all or none. On the graphs' loop."""
        config = _checkpoint_config(record.thread_id)
        config["configurable"]["graph_id"] = record.graph_id  # comes into the metadata of each checkpoint (recorded)
        try:
            async with self._opened(record, user, "threads.update") as graph:
                await graph.abulk_update_state(
                    config, [[_update(each) for each in step.updates] for step in supersteps]
                )
                return await left_in_thread(graph, record.thread_id)
        except StorageUnavailable:
            await self.checkpoints.delete(record.thread_id)
            raise
        except Exception as error:  # the graph's own reducers judge the values
            await self.checkpoints.delete(record.thread_id)
            shown = failure(error)
            reason = f"supersteps: {shown['error']}"
            raise InvalidRequest(f"{reason}: {shown['message']}", gist=reason) from error


def _checkpoint_config(thread_id: str, checkpoint: Json | None = None) -> RunnableConfig:
    """The config by which LangGraph finds the checkpoint of a client's address; without one, the newest."""
    given = checkpoint or {}
    named = {key: given[key] for key in ADDRESS if given.get(key) is not None}
    return {"configurable": {**named, "thread_id": thread_id}}


def _is_found(key: str, value: Any) -> bool:
    """Whether every checkpointer finds checkpoints by this part of their metadata; SQLite has integers of 64 bits."""
    plain = value.isprintable() if isinstance(value, str) else isinstance(value, int) and abs(value) < 2**63
    return plain and _FOUND.fullmatch(key) is not None


def _has(metadata: Mapping[str, Any] | None, wanted: Json) -> bool:
    """Whether the metadata of a checkpoint has the wanted values; what it lacks is null, as for checkpointers."""
    return all((metadata or {}).get(key) == value for key, value in wanted.items())


def _update(update: ThreadSuperstepUpdate) -> StateUpdate:
    values: Any = update.values
    if update.command is not None:
        values = graph_command(update.command.model_dump(exclude_unset=True))
    return StateUpdate(values=values, as_node=update.as_node)
