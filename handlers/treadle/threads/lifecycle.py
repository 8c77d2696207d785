"""Threads: created, read and deleted, with the states that their checkpoints hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.types import StateUpdate

from treadle.encoding import encode, failure
from treadle.errors import CheckpointNotFound, InvalidRequest, ThreadConflict, ThreadNotFound
from treadle.graphs.loading import AnyPregel
from treadle.runs.checkpoints import Checkpoints, left_in_thread
from treadle.runs.execution import graph_command
from treadle.runs.graph_loop import GraphLoop
from treadle.runs.kept_threads import thread_of
from treadle.runs.lifecycle import Runs
from treadle.storage.base import Storage, ThreadRecord, ThreadState
from treadle.threads.views import NO_STATE, selected, snapshot_view

Json = dict[str, Any]

# Threads whose time is over are deleted at most this often, in seconds; they are invisible before.
SWEEP_PERIOD = 1.0
LONGEST_SLEEP = 3600.0
BUSY = ThreadState("busy", interrupts=None)


class Threads:
    """The kept threads, and those that temporary runs have until they end."""

    def __init__(
        self, storage: Storage, runs: Runs, checkpoints: Checkpoints, loop: GraphLoop, clock: Callable[[], float]
    ) -> None:
        self._storage = storage
        self._runs = runs
        self._checkpoints = checkpoints
        self._loop = loop
        self._clock = clock
        self._expiring = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to delete threads whose time is over."""
        self._sweeper = asyncio.create_task(self._sweep_forever())

    async def stop(self) -> None:
        """Delete none any more."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper

    async def create(self, record: ThreadRecord, supersteps: Sequence[Json] = ()) -> ThreadRecord:
        """Commit a new thread, with the state that `supersteps` make.

        Raises ThreadConflict (409) if there is one with its id, InvalidRequest (422) for updates that its graph
        does not take.
        """
        await self._sweep()  # a thread whose time is over is in nobody's way
        reserved = replace(record, state=BUSY) if supersteps else record
        if await self.find(record.thread_id) is not None or not await self._storage.threads.add(reserved):
            raise ThreadConflict(f"thread_id: there is a thread {record.thread_id} already")
        if supersteps:
            await self._begin(record, supersteps)
        if record.expires_at is not None:
            self._expiring.set()
        return await self._storage.threads.get(record.thread_id) or record

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
        return thread_of(runs[0]) if runs else None

    async def delete(self, thread_id: str) -> None:
        """Forget the thread, its runs and its checkpoints; runs that have not ended are cancelled.

        Raises ThreadNotFound (404).
        """
        await self.get(thread_id)
        await self._delete(thread_id)

    async def state(
        self,
        thread_id: str,
        *,
        checkpoint: Json | None = None,
        subgraphs: bool = False,
        select: Sequence[str] | None = None,
    ) -> bytes:
        """The API's ThreadState as JSON: at the newest checkpoint, or at the one of this address.

        Raises ThreadNotFound or CheckpointNotFound (404).
        """
        record = await self.get(thread_id)
        named = (checkpoint or {}).get("checkpoint_id")

        def nothing() -> bytes:
            if named:
                raise CheckpointNotFound(f"Thread {thread_id} has no checkpoint {named}")
            return encode(selected(NO_STATE, select))

        async def read() -> bytes:
            if not await self._checkpoints.exist(thread_id):
                return nothing()
            async with self._opened(record) as graph:
                snapshot = await graph.aget_state(_address(thread_id, checkpoint), subgraphs=subgraphs)
                if snapshot.created_at is None:
                    return nothing()
                return encode(selected(snapshot_view(snapshot), select))

        return await self._loop.call(read)

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
        """States at past checkpoints, the newest first, as a JSON array. Raises ThreadNotFound (404).

        `before` and `checkpoint` are addresses of checkpoints: only older states, only states of that namespace.
        """
        record = await self.get(thread_id)

        async def read() -> bytes:
            if not await self._checkpoints.exist(thread_id):
                return b"[]"
            async with self._opened(record) as graph:
                snapshots = graph.aget_state_history(
                    _address(thread_id, checkpoint),
                    filter=metadata,
                    before=_address(thread_id, before) if before else None,
                    limit=limit,
                )
                return encode([selected(snapshot_view(snapshot), select) async for snapshot in snapshots])

        return await self._loop.call(read)

    def _opened(self, record: ThreadRecord) -> AbstractAsyncContextManager[AnyPregel]:
        config = cast(RunnableConfig, record.graph_config) or _address(record.thread_id)
        return self._checkpoints.open(record.graph_id or "", config)

    async def _begin(self, record: ThreadRecord, supersteps: Sequence[Json]) -> None:
        """Give a new thread the state that the supersteps make; without it, there is no thread."""
        try:
            state = await self._loop.call(lambda: self._write(record, supersteps))
        except BaseException:
            await self._delete(record.thread_id)
            raise
        await self._storage.threads.leave(record.thread_id, state)

    async def _write(self, record: ThreadRecord, supersteps: Sequence[Json]) -> ThreadState:
        """Write the supersteps as checkpoints, all or none. On the graphs' loop."""
        if record.graph_id is None:
            raise InvalidRequest("supersteps: name the graph that they are for in metadata.graph_id")
        address = _address(record.thread_id)
        try:
            async with self._opened(record) as graph:
                await graph.abulk_update_state(address, [_superstep(step) for step in supersteps])
                return await left_in_thread(graph, record.thread_id)
        except Exception as error:  # the graph's own reducers judge the values
            shown = failure(error)
            raise InvalidRequest(f"supersteps: {shown['error']}: {shown['message']}") from error

    async def _delete(self, thread_id: str) -> None:
        for run in await self._runs.of_thread(thread_id):
            await self._runs.delete(run)
        await self._storage.threads.remove(thread_id)
        await self._loop.call(lambda: self._checkpoints.delete(thread_id))

    async def _sweep(self) -> float | None:
        """Delete the threads whose time is over; when the next one's will be."""
        expired, upcoming = await self._storage.threads.expired()
        for record in expired:
            await self._delete(record.thread_id)
        return upcoming

    async def _sweep_forever(self) -> None:
        while True:
            upcoming = await self._sweep()
            delay = None if upcoming is None else min(max(upcoming - self._clock(), SWEEP_PERIOD), LONGEST_SLEEP)
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._expiring.wait()
            self._expiring.clear()


def _address(thread_id: str, checkpoint: Json | None = None) -> RunnableConfig:
    given = {key: value for key, value in (checkpoint or {}).items() if value is not None}
    return {"configurable": {**given, "thread_id": thread_id}}


def _superstep(step: Json) -> list[StateUpdate]:
    return [_update(update) for update in step["updates"]]


def _update(update: Json) -> StateUpdate:
    command = update.get("command")
    values: Any = graph_command(command) if command is not None else update.get("values")
    return StateUpdate(values=values, as_node=update["as_node"])
