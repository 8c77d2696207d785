"""The clients whose leaving ends their run: where processes share a store, the others learn when one of them is gone.

A process that is killed leaves runs behind whose clients it had. Others cancel these after a lease, unless the clients
have come back, to any process.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from time import monotonic

import structlog

from treadle.background import forever
from treadle.errors import StorageUnavailable
from treadle.storage.contract.store import Storage

log = structlog.get_logger("treadle.runs")


class Attachments:
    """The clients of this process, by the ids of their runs. The store is told of them for a lease at a time."""

    def __init__(self, storage: Storage, lease: float, cancel: Callable[[str], Awaitable[object]]) -> None:
        """`cancel` is called with the id of a run whose client is gone."""
        self._storage = storage
        self._lease = lease
        self._cancel = cancel
        self._clients: Counter[str] = Counter()
        self._joined = asyncio.Event()
        self._looked = monotonic()
        self._sure_from = self._looked + lease
        self._cancelled: set[str] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Tell the store of the clients that stay, and look for runs whose clients are gone."""
        if self._storage.durable:
            self._task = asyncio.create_task(forever(self._look_forever))

    async def stop(self) -> None:
        """Tell nothing any more: clients have a lease to come back to another process."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def until(self) -> float:
        """Until when the client of a run that is created now counts as attached."""
        return self._storage.clock() + self._lease

    def add(self, run_id: str, *, known: bool) -> None:
        """A client is here. `known`: the store was told with the run."""
        self._clients[run_id] += 1
        if not known:
            self._joined.set()

    def remove(self, run_id: str) -> None:
        """A client has left, or its answer is whole."""
        self._clients[run_id] -= 1
        if not self._clients[run_id]:
            del self._clients[run_id]

    async def _look_forever(self) -> None:
        period = self._lease / 3
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(period):
                    await self._joined.wait()
            self._joined.clear()
            try:
                await self._look(period)
            except StorageUnavailable as error:
                self._sure_from = monotonic() + self._lease
                log.warning("the store cannot be told which clients are here", error=str(error))

    async def _look(self, period: float) -> None:
        if self._clients:
            await self._storage.runs.attach(list(self._clients))
        now = monotonic()
        # If the store or this process has stood still, others may not have had the time to say that their clients stay.
        if now - self._looked > 2 * period:
            self._sure_from = now + self._lease
        self._looked = now
        if now < self._sure_from:
            return
        gone = await self._storage.runs.detached()
        for run_id in gone:
            if run_id not in self._cancelled:  # once only: a node may take its time to end
                log.info("the process of its client is gone: the run is cancelled", run_id=run_id)
                await self._cancel(run_id)
        self._cancelled = set(gone)


class Attachment:
    """One client of a run, attached while the block is entered. `leave` is what its leaving before the end means."""

    def __init__(
        self,
        attachments: Attachments,
        run_id: str,
        leave: Callable[[], Awaitable[object]] | None = None,
        *,
        known: bool = False,
    ) -> None:
        self._attachments = attachments
        self._run_id = run_id
        self._leave = leave
        self._known = known

    def __enter__(self) -> None:
        self._attachments.add(self._run_id, known=self._known)

    def __exit__(self, *_: object) -> None:
        self._attachments.remove(self._run_id)

    async def left(self) -> None:
        """The client has left before the end."""
        if self._leave is not None:
            await self._leave()
