"""Threads: created, read and deleted, with the states that their checkpoints hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from treadle.background import forever
from treadle.errors import (
    ShuttingDown,
    StorageUnavailable,
    ThreadConflict,
    ThreadNotFound,
)
from treadle.execution.own_threads import busy_thread
from treadle.runs.lifecycle import Runs
from treadle.storage.contract.store import Storage
from treadle.storage.contract.threads import ThreadRecord
from treadle.threads.states import ThreadStates
from treadle.users import User
from treadle_api.models import ThreadCreateSupersteps

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


def no_thread(thread_id: str) -> str:
    """The message about a thread that is unknown to the caller."""
    return f"Thread with ID {thread_id} not found"


class Threads:
    """The kept threads, and those that temporary runs have until they end."""

    def __init__(
        self,
        storage: Storage,
        runs: Runs,
        states: ThreadStates,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._runs = runs
        self._states = states
        self._checkpoints = states.checkpoints
        self._loop = states.loop
        self._clock = clock
        self._creating: dict[str, asyncio.Future[None]] = {}
        self._expiring = asyncio.Event()
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to delete or prune threads whose time is over."""
        self._sweeper = asyncio.create_task(forever(self._sweep_forever))

    async def stop(self) -> None:
        """Delete none any more."""
        if self._sweeper is not None:
            self._sweeper.cancel()
            with suppress(asyncio.CancelledError):
                await self._sweeper

    async def create(
        self, record: ThreadRecord, supersteps: Sequence[ThreadCreateSupersteps], user: User | None
    ) -> ThreadRecord:
        """Commit a new thread, with the state that `supersteps` make for `user`.

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
            return await self._create(record, supersteps, user)
        finally:
            del self._creating[thread_id]
            over.set_result(None)

    async def _create(
        self, record: ThreadRecord, supersteps: Sequence[ThreadCreateSupersteps], user: User | None
    ) -> ThreadRecord:
        thread_id = record.thread_id
        await self._free(thread_id)
        if await self.find(thread_id) is not None:
            raise ThreadConflict(f"thread_id: there is a thread {thread_id} already")
        try:
            await asyncio.wait_for(self._runs.until_over(thread_id), LINGERING)
        except TimeoutError:
            reason = f"thread_id: a run of the thread {thread_id} that was deleted has yet to end"
            raise ThreadConflict(reason) from None
        if supersteps:
            record = replace(record, state=await self._loop.call(lambda: self._states.write(record, supersteps, user)))
        await self._storage.threads.add(record)
        if record.expires_at is not None:
            self._expiring.set()
        return record

    async def get(self, thread_id: str) -> ThreadRecord:
        """The thread. Raises ThreadNotFound (404)."""
        record = await self.find(thread_id)
        if record is None:
            raise ThreadNotFound(no_thread(thread_id))
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

    async def delete_of_assistant(self, assistant_id: str, admits: Callable[[Json], bool]) -> None:
        """Forget the threads whose metadata names the assistant, and cancel its runs that have temporary threads.

        Only those whose metadata is admitted.
        """
        for thread_id in await self._storage.threads.of_assistant(assistant_id):
            thread = await self._storage.threads.get(thread_id)
            if thread is not None and admits(thread.metadata):
                await self._delete(thread_id)
        for run in await self._runs.unfinished(None):
            if run.assistant_id == assistant_id and admits(run.metadata):
                await self._runs.delete(run)

    async def _delete(self, thread_id: str) -> None:
        for run in await self._runs.of_thread(thread_id):
            await self._runs.delete(run)
        # In this order: a thread whose checkpoints are still there must not be forgotten.
        await self._loop.call(lambda: self._checkpoints.delete(thread_id))
        await self._storage.threads.remove(thread_id)

    async def _expire(self, record: ThreadRecord) -> None:
        if record.ttl.strategy == "delete":
            await self._delete(record.thread_id)
            return
        await self._loop.call(lambda: self._checkpoints.keep_latest(record.thread_id))
        await self._storage.threads.mark_pruned(record.thread_id)

    async def _free(self, thread_id: str) -> None:
        """Delete the thread if its time is over: it must not occupy the id. Others are left to the sweep."""
        expired, _ = await self._storage.threads.expired()
        for record in expired:
            if record.thread_id == thread_id and record.ttl.strategy == "delete":
                await self._delete(thread_id)

    async def _sweep(self) -> float | None:
        """Delete or prune the threads whose time is over; when the next one's will be."""
        expired, upcoming = await self._storage.threads.expired()
        failure: StorageUnavailable | None = None
        for record in expired:
            try:
                await self._expire(record)
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
                log.error("threads whose time is over cannot be deleted or pruned", error=str(error))
            delay = (
                MAX_SWEEP_INTERVAL
                if upcoming is None
                else min(max(upcoming - self._clock(), SWEEP_PERIOD), MAX_SWEEP_INTERVAL)
            )
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._expiring.wait()
            self._expiring.clear()
