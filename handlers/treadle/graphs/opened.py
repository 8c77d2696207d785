"""What the author's code opens once for the whole server: a store, a checkpointer, the lifespan of an application."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Any, Generic, TypeVar

import structlog

from treadle.errors import GraphError
from treadle.graphs.event_loops import GraphLoop
from treadle.graphs.factories import entered
from treadle.graphs.modules import authors_code

T = TypeVar("T")
# Seconds that the author's code may take to close what it opened.
CLOSING = 5.0
# Seconds that the threads of an opening that failed have to end, and between two looks at them.
ENDING, LOOK = 0.2, 0.005
log = structlog.get_logger("treadle.graphs")


class Opened(Generic[T]):
    """Something of the author's, opened and closed on the graphs' home loop, which its connections belong to."""

    def __init__(self, make: Callable[[AsyncExitStack], Awaitable[T]], where: str, home: GraphLoop) -> None:
        """`make` opens it; what it puts on the stack is closed at the end."""
        self._make = make
        self._where = where
        self._home = home
        self._holding: asyncio.Task[None] | None = None

    async def open(self) -> T:
        """Open it. Raises GraphError if that fails."""
        return await self._home.call(self._open)

    async def close(self) -> None:
        """Leave the context managers on the stack. Waits at most CLOSING seconds."""
        if self._holding is not None:
            with suppress(TimeoutError):  # a graph may block the loop
                await asyncio.wait_for(self._home.call(partial(_let_go, self._holding)), timeout=CLOSING)

    async def _open(self) -> T:
        opened: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._holding = asyncio.create_task(self._hold(opened))
        return await opened

    async def _hold(self, opened: asyncio.Future[T]) -> None:
        """Keep it open until this task is cancelled: a context manager may ask to be left by the task that entered."""
        try:
            async with AsyncExitStack() as stack:
                before = set(threading.enumerate())
                try:
                    with authors_code(self._where):
                        opened.set_result(await self._make(stack))
                except GraphError as error:
                    await _ended(before)
                    opened.set_exception(error)
                    return
                with suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
        except Exception as error:  # the author's code
            log.error("the author's code failed at its end", where=self._where, exc_info=error)


async def instance_of(kind: type[Any], source: Any, stack: AsyncExitStack) -> Any:
    """Return `source`, or the object that it gives: it may be a context manager, or a plain or async function.

    Raises TypeError for what is no `kind`.
    """
    made = source
    if not isinstance(made, kind):
        made = await entered(made() if callable(made) else made, stack)
    if not isinstance(made, kind):
        raise TypeError(f"expected a {kind.__name__} of LangGraph, and not a {type(made).__name__}")
    return made


async def _ended(before: set[threading.Thread]) -> None:
    """Wait, for at most ENDING seconds, until the threads begun after `before` have ended.

    The thread of a connection that could not be opened still calls the event loop, which the server's end may close.
    """
    for _ in range(round(ENDING / LOOK)):
        if not set(threading.enumerate()) - before:
            return
        await asyncio.sleep(LOOK)


async def _let_go(holding: asyncio.Task[None]) -> None:
    holding.cancel()
    await asyncio.wait([holding])
