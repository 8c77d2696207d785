"""Threads: created, read and deleted, with the states that their checkpoints hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import Any, TypeVar

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.types import StateUpdate

from treadle.background import forever
from treadle.encoding import encode, failure
from treadle.errors import (
    CheckpointNotFound,
    InvalidRequest,
    ShuttingDown,
    StateInvalid,
    StateUnreadable,
    StorageUnavailable,
    ThreadConflict,
    ThreadNotFound,
)
from treadle.execution.config import Deployment, graph_config
from treadle.execution.graph_input import graph_command
from treadle.execution.own_threads import busy_thread
from treadle.graphs.checkpoints import Checkpoints, OpenGraphs, left_in_thread
from treadle.graphs.event_loops import GraphLoop
from treadle.graphs.factories import Access
from treadle.graphs.loading import AnyPregel
from treadle.runs.lifecycle import Runs
from treadle.storage.contract.store import Storage
from treadle.storage.contract.threads import ThreadRecord, ThreadState
from treadle.threads.views import NO_STATE, selected, snapshot_view
from treadle_api.models import ThreadCreateSupersteps, ThreadSuperstepUpdate

Json = dict[str, Any]
T = TypeVar("T")
log = structlog.get_logger("treadle.threads")

# Threads whose time is over are deleted at most this often, in seconds; they are invisible before.
SWEEP_PERIOD = 1.0
# Seconds between two sweeps at most: runs and other processes may have left expired threads.
MAX_SWEEP_INTERVAL = 5.0
# Seconds that the id of a deleted thread is waited for while a run is still writing under it.
LINGERING = 5.0
# Keys of a checkpoint that clients may set: LangGraph keeps other keys in the same place.
ADDRESS = ("checkpoint_ns", "checkpoint_id", "checkpoint_map")


class Threads:
    """The kept threads, and those that temporary runs have until they end."""

    def __init__(
        self,
        storage: Storage,
        runs: Runs,
        graphs: OpenGraphs,
        checkpoints: Checkpoints,
        loop: GraphLoop,
        deployment: Deployment,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._runs = runs
        self._graphs = graphs
        self._checkpoints = checkpoints
        self._loop = loop
        self._deployment = deployment
        self._clock = clock
        self._creating: dict[str, asyncio.Future[None]] = {}
        self._expiring = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to delete threads whose time is over."""
        self._sweeper = asyncio.create_task(forever(self._sweep_forever))

    async def stop(self) -> None:
        """Delete none any more."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper

    async def create(self, record: ThreadRecord, supersteps: Sequence[ThreadCreateSupersteps] = ()) -> ThreadRecord:
        """Commit a new thread, with the state that `supersteps` make.

        Raises ThreadConflict (409) if its id is taken, InvalidRequest (422) for updates that its graph does not take,
        ShuttingDown (503).
        """
        if self._runs.closing:
            raise ShuttingDown
        thread_id = record.thread_id
        while thread_id in self._creating:  # another request is about to, and may yet fail
            await asyncio.wait([self._creating[thread_id]])
        over = self._creating[thread_id] = asyncio.get_running_loop().create_future()
        try:
            return await self._create(record, supersteps)
        finally:
            del self._creating[thread_id]
            over.set_result(None)

    async def _create(self, record: ThreadRecord, supersteps: Sequence[ThreadCreateSupersteps]) -> ThreadRecord:
        thread_id = record.thread_id
        await self._sweep()  # an expired thread must not occupy the id
        if await self.find(thread_id) is not None:
            raise ThreadConflict(f"thread_id: there is a thread {thread_id} already")
        try:
            await asyncio.wait_for(self._runs.until_over(thread_id), LINGERING)
        except TimeoutError:
            reason = f"thread_id: a run of the thread {thread_id} that was deleted has yet to end"
            raise ThreadConflict(reason) from None
        if supersteps:
            record = replace(record, state=await self._loop.call(lambda: self._write(record, supersteps)))
        await self._storage.threads.add(record)
        if record.expires_at is not None:
            self._expiring.set()
        return record

    async def get(self, thread_id: str) -> ThreadRecord:
        """The thread. Raises ThreadNotFound (404)."""
        record = await self.find(thread_id)
        if record is None:
            raise ThreadNotFound(f"Thread with ID {thread_id} not found")
        return record

    async def find(self, thread_id: str) -> ThreadRecord | None:
        """The thread, or None; that of a temporary run is there until the run ends."""
        record = await self._storage.threads.get(thread_id)
        if record is not None:
            return record
        runs = await self._runs.of_thread(thread_id)
        return busy_thread(runs[0]) if runs else None

    async def delete(self, thread_id: str) -> None:
        """Forget the thread, its runs and its checkpoints; runs that have not ended are cancelled.

        Raises ThreadNotFound (404).
        """
        await self.get(thread_id)
        await self._delete(thread_id)

    async def delete_of_assistant(self, assistant_id: str) -> None:
        """Forget the threads whose metadata names the assistant, and cancel its runs that have temporary threads."""
        for thread_id in await self._storage.threads.of_assistant(assistant_id):
            await self._delete(thread_id)
        for run in await self._runs.unfinished(None):
            if run.assistant_id == assistant_id:
                await self._runs.delete(run)

    async def state(
        self,
        thread_id: str,
        *,
        checkpoint: Json | None = None,
        subgraphs: bool = False,
        select: Sequence[str] | None = None,
    ) -> bytes:
        """The API's ThreadState as JSON: at the newest checkpoint, or at the one of this address.

        Raises ThreadNotFound or CheckpointNotFound (404), StateInvalid (400) if the state does not fit the graph's
        schema, StateUnreadable (500) if the graph's own code fails.
        """
        record = await self.get(thread_id)
        config = _checkpoint_config(thread_id, checkpoint)

        async def read() -> bytes | None:
            async with self._opened(record) as graph:
                snapshot = await graph.aget_state(config, subgraphs=subgraphs)
                return None if snapshot.created_at is None else encode(selected(snapshot_view(snapshot), select))

        found = await self._read(thread_id, read)
        if found is None and (checkpoint_id := config["configurable"].get("checkpoint_id")):
            raise CheckpointNotFound(f"Thread {thread_id} has no checkpoint {checkpoint_id}")
        return encode(selected(NO_STATE, select)) if found is None else found

    async def history(
        self,
        thread_id: str,
        *,
        limit: int,
        before: Json | None = None,
        metadata: Json | None = None,
        checkpoint: Json | None = None,
        select: Sequence[str] | None = None,
    ) -> bytes:
        """States at past checkpoints, the newest first, as a JSON array.

        `before` and `checkpoint` are addresses of checkpoints: only older states, only states of that namespace.
        Raises ThreadNotFound (404), StateInvalid (400), StateUnreadable (500) if the graph's own code fails.
        """
        record = await self.get(thread_id)
        older = _checkpoint_config(thread_id, before) if before and before.get("checkpoint_id") else None

        async def read() -> bytes:
            states = []
            async with self._opened(record) as graph:
                config = _checkpoint_config(thread_id, checkpoint)
                history = graph.aget_state_history(config, filter=metadata, before=older, limit=limit)
                async for snapshot in history:
                    states.append(encode(selected(snapshot_view(snapshot), select)))
                    await asyncio.sleep(0)  # runs share this loop
            return b"[%b]" % b",".join(states)

        return await self._read(thread_id, read) or b"[]"

    async def _read(self, thread_id: str, read: Callable[[], Coroutine[Any, Any, T]]) -> T | None:
        """The result of `read` on the graphs' loop, for a thread with checkpoints; None without checkpoints."""
        if await self._storage.threads.get(thread_id) is None:
            return None

        async def guarded() -> T | None:
            try:
                return await read() if await self._checkpoints.exist(thread_id) else None
            except Exception as error:  # the author's factories, reducers and values are at work here
                shown = failure(error)
                # A state that was written before it was validated, such as a run's input, is no defect (recorded).
                kind = StateInvalid if isinstance(error, ValueError) else StateUnreadable
                raise kind(f"The state cannot be read: {shown['error']}: {shown['message']}") from error

        return await self._loop.call(guarded)

    def _opened(self, record: ThreadRecord, access: Access = "threads.read") -> AbstractAsyncContextManager[AnyPregel]:
        config = record.graph_config and graph_config(record.graph_config, self._deployment, attempt=1)
        config = config or _checkpoint_config(record.thread_id)
        return self._graphs.open(record.graph_id or "", config, access=access, keeping=True)

    async def _write(self, record: ThreadRecord, supersteps: Sequence[ThreadCreateSupersteps]) -> ThreadState:
        """Write the supersteps as checkpoints, all or none. On the graphs' loop."""
        if record.graph_id is None:
            raise InvalidRequest("supersteps: name the graph that they are for in metadata.graph_id")
        config = _checkpoint_config(record.thread_id)
        config["configurable"]["graph_id"] = record.graph_id  # comes into the metadata of each checkpoint (recorded)
        try:
            async with self._opened(record, "threads.update") as graph:
                await graph.abulk_update_state(
                    config, [[_update(each) for each in step.updates] for step in supersteps]
                )
                return await left_in_thread(graph, record.thread_id)
        except Exception as error:  # the graph's own reducers judge the values
            await self._checkpoints.delete(record.thread_id)
            shown = failure(error)
            reason = f"supersteps: {shown['error']}"
            raise InvalidRequest(f"{reason}: {shown['message']}", gist=reason) from error

    async def _delete(self, thread_id: str) -> None:
        for run in await self._runs.of_thread(thread_id):
            await self._runs.delete(run)
        # In this order: a thread whose checkpoints are still there must not be forgotten.
        await self._loop.call(lambda: self._checkpoints.delete(thread_id))
        await self._storage.threads.remove(thread_id)

    async def _sweep(self) -> float | None:
        """Delete the threads whose time is over; when the next one's will be."""
        expired, upcoming = await self._storage.threads.expired()
        failure: StorageUnavailable | None = None
        for record in expired:
            try:
                await self._delete(record.thread_id)
            except StorageUnavailable as error:  # the others go all the same
                failure = error
        if failure is not None:
            raise failure
        return upcoming

    async def _sweep_forever(self) -> None:
        while True:
            upcoming = None
            try:
                upcoming = await self._sweep()
            except StorageUnavailable as error:
                log.error("threads whose time is over cannot be deleted", error=str(error))
            delay = (
                MAX_SWEEP_INTERVAL
                if upcoming is None
                else min(max(upcoming - self._clock(), SWEEP_PERIOD), MAX_SWEEP_INTERVAL)
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._expiring.wait()
            self._expiring.clear()


def _checkpoint_config(thread_id: str, checkpoint: Json | None = None) -> RunnableConfig:
    """The config by which LangGraph finds the checkpoint of a client's address; without one, the newest."""
    given = checkpoint or {}
    named = {key: given[key] for key in ADDRESS if given.get(key) is not None}
    return {"configurable": {**named, "thread_id": thread_id}}


def _update(update: ThreadSuperstepUpdate) -> StateUpdate:
    values: Any = update.values
    if update.command is not None:
        values = graph_command(update.command.model_dump(exclude_unset=True))
    return StateUpdate(values=values, as_node=update.as_node)
