"""Backpressure: slow followers slow a graph down, until they hold up runs that wait for its slot."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import structlog

from treadle.storage.contract.events import Audience, EventLog

IN_FLIGHT = 1024 * 1024
"""Bytes of events that a graph may be ahead of the event log before it has to wait."""
SHED_PERIOD = 1.0
"""Seconds between two looks at followers: one that reads nothing in between is ended while runs wait for a slot."""
Wait = Callable[[], Awaitable[None]]
log = structlog.get_logger("treadle.runs")


class Credit:
    """How far the graph of one attempt may be ahead of the event log, in bytes of events.

    Two threads use it: the graph's loop spends, the server's loop grants. Each counter is written by one of them only.
    """

    __slots__ = ("_accepted", "_appended", "_gate", "_loop", "_sent", "audience", "run_id")

    def __init__(self, run_id: str, audience: Audience, loop: asyncio.AbstractEventLoop) -> None:
        self.run_id = run_id
        self.audience = audience
        self._loop = loop
        self._gate: asyncio.Future[None] | None = None
        self._sent = 0
        self._appended = 0
        self._accepted = 0

    # On the graph's loop.

    def spend(self, size: int) -> Wait | None:
        """Count an event of `size` bytes. If the graph is too far ahead now, return the wait that it has to await."""
        self._sent += size
        return self._until_granted if self._is_spent() else None

    async def _until_granted(self) -> None:
        while self._is_spent():
            self._gate = self._loop.create_future()
            if self._is_spent():  # nothing was granted just before there was a gate to open
                await self._gate
        self._gate = None

    def _is_spent(self) -> bool:
        return self._sent - self._accepted > IN_FLIGHT

    # On the server's loop.

    def append(self, size: int) -> None:
        """Count `size` bytes that the event log has taken."""
        self._appended += size

    def grant(self) -> None:
        """Let the graph go on: the event log has room for more."""
        self._accepted = self._appended
        if self._gate is not None:
            self._loop.call_soon_threadsafe(_open, self._gate)


class Backpressure:
    """Appends events to the event log, and grants credit as fast as followers read. On the server's loop."""

    def __init__(self, events: EventLog) -> None:
        self._events = events
        self._waiting: dict[Credit, asyncio.Task[None]] = {}

    def credit(self, run_id: str, loop: asyncio.AbstractEventLoop) -> Credit:
        """The credit of an attempt that begins, whose graph runs on `loop`."""
        return Credit(run_id, self._events.audience(run_id), loop)

    def append(self, credit: Credit, events: Sequence[tuple[str, bytes]]) -> None:
        """Append events of the attempt with this credit, as (name, JSON) pairs."""
        self._events.append(credit.run_id, events)
        credit.append(sum(len(data) for _, data in events))
        if not self._events.full(credit.run_id):
            credit.grant()
        elif credit not in self._waiting:
            self._waiting[credit] = asyncio.create_task(self._grant_when_there_is_room(credit))

    async def _grant_when_there_is_room(self, credit: Credit) -> None:
        try:
            await self._events.room(credit.run_id)
        finally:
            del self._waiting[credit]
        credit.grant()

    async def shed_forever(self, crowded: Callable[[], bool]) -> None:
        """While runs wait for slots (`crowded`), end the followers that read nothing: their runs go on without them."""
        while True:
            await asyncio.sleep(SHED_PERIOD)
            if not crowded():
                continue
            ended = sum([await self._events.shed(credit.run_id) for credit in list(self._waiting)])
            if ended:
                log.warning("clients that read nothing were broken off: runs wait for their slots", clients=ended)


def _open(gate: asyncio.Future[None]) -> None:
    if not gate.done():
        gate.set_result(None)
