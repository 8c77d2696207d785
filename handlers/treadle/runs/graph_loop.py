"""The event loop that graphs run on: a thread of its own, so that no graph can hold up the HTTP edge (ADR 4)."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Generic, TypeVar

import structlog

T = TypeVar("T")
log = structlog.get_logger("treadle.graphs")


class Handoff(Generic[T]):
    """Items on their way to another thread's event loop: in order, with one wake-up for all that is ready."""

    def __init__(self, loop: asyncio.AbstractEventLoop, deliver: Callable[[list[T]], None]) -> None:
        self._loop = loop
        self._deliver = deliver
        self._items: deque[T] = deque()
        self._scheduled = False

    def put(self, item: T) -> None:
        """Hand over one item; from any thread."""
        self._items.append(item)
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon_threadsafe(self._drain)

    def _drain(self) -> None:
        # Cleared before the items are taken: an item that comes later than the last one taken wakes the loop again.
        self._scheduled = False
        items: list[T] = []
        while self._items:
            items.append(self._items.popleft())
        if items:
            self._deliver(items)


class GraphLoop:
    """An event loop in a daemon thread, from `start` to `stop`."""

    def __init__(self) -> None:
        self.loop: asyncio.AbstractEventLoop = loop_factory()()
        self._thread = threading.Thread(target=self._run, name="treadle-graphs", daemon=True)
        self._stopping = False
        self._answered = True
        self._silent = 0

    def start(self) -> None:
        """Begin to run what is handed to the loop."""
        self._thread.start()

    def stop(self) -> None:
        """Stop the loop; a graph that blocks it is left to end with the process."""
        self._stopping = True
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=1)
        if not self._thread.is_alive():
            self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        while not self._stopping:
            try:
                self.loop.run_forever()
            except SystemExit:
                # asyncio lets it escape from a node's task; the run ends in error, the server goes on.
                log.warning("a node called sys.exit", hint="raise an exception instead")
        pending = asyncio.all_tasks(self.loop)
        for task in pending:
            task.cancel()
        if pending:
            self.loop.run_until_complete(asyncio.wait(pending, timeout=0.5))

    def watch(self, period: float) -> None:
        """Called every `period` seconds from another thread: warns once when a graph has blocked the loop that long."""
        if self._answered:
            self._answered, self._silent = False, 0
            self.loop.call_soon_threadsafe(self._answer)
            return
        self._silent += 1
        if self._silent == 1:
            where = blocking_place(self._thread.ident)
            log.warning("a graph blocks the event loop of all graphs", seconds=period, **where)

    def _answer(self) -> None:
        self._answered = True


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it is installed: there is none for Windows."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


def blocking_place(thread_id: int | None) -> dict[str, str]:
    """Where a thread is: the innermost frame outside installed packages, and the LangGraph node it belongs to."""
    top = sys._current_frames().get(thread_id or 0)
    frames = list(_outwards(top))
    own = next((frame for frame in frames if "site-packages" not in frame.f_code.co_filename), top)
    place = {} if own is None else {"file": own.f_code.co_filename, "line": str(own.f_lineno), "in": own.f_code.co_name}
    for frame in frames:
        name = getattr(frame.f_locals.get("task"), "name", None)
        if frame.f_code.co_name == "arun_with_retry" and isinstance(name, str):
            return {"node": name, **place}
    return place


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back
