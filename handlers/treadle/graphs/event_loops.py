"""The event loops that graphs run on: in threads of their own, so that no graph can hold up the HTTP edge (ADR 4)."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from types import AsyncGeneratorType, CoroutineType, FrameType
from typing import Any, Generic, TypeVar

import structlog
from langchain_core.runnables.config import ContextThreadPoolExecutor

from treadle.tracebacks import is_own

T = TypeVar("T")
NODE_THREADS = "treadle-nodes"
"""How the names of the threads begin that synchronous nodes run in."""
# Seconds that items wait at most for the end of a turn of their loop, if others come.
LONG_TURN = 0.01
# How often the loops are asked for a sign of life while runs are under way, in seconds.
WATCH_PERIOD = 0.5
log = structlog.get_logger("treadle.graphs")


async def on_loop(loop: asyncio.AbstractEventLoop, call: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """Await `call` on another loop. Both see it if the other one's part is cancelled."""

    async def there() -> T:
        return await call(*arguments)

    return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(there(), loop))


class Handoff(Generic[T]):
    """Items on their way from one thread's event loop to another's: in order, and all that one turn of the loop makes
    at once. Each wake-up of another thread costs both of them more than most items are worth.
    """

    def __init__(
        self,
        source: asyncio.AbstractEventLoop,
        target: asyncio.AbstractEventLoop,
        deliver: Callable[[list[T]], object],
    ) -> None:
        self._source = source
        self._target = target
        self._deliver = deliver
        self._items: list[T] = []
        self._since = 0.0

    def put(self, item: T) -> None:
        """Hand over one item; on the source's thread."""
        self._items.append(item)
        if len(self._items) == 1:
            self._since = monotonic()
            self._source.call_soon(self._cross)
        elif monotonic() - self._since > LONG_TURN:
            self._cross()

    def _cross(self) -> None:
        if self._items:  # they may have crossed in the middle of the turn
            items, self._items = self._items, []
            self._target.call_soon_threadsafe(self._deliver, items)


class GraphLoops:
    """Where graphs run: all on the home loop or, isolated, each run on a loop of its own.

    Isolated runs cannot hold each other up, but share nothing that belongs to a loop, such as an open HTTP client.
    """

    def __init__(self, runs: int, *, isolated: bool) -> None:
        # Nodes that are plain functions run here: with Python's default of a few threads they would queue up. What
        # they log names their run, so their threads have the context of the task that hands them over.
        self._nodes = ContextThreadPoolExecutor(max_workers=max(32, runs), thread_name_prefix=NODE_THREADS)
        self._isolated = isolated
        self._hint = "make the node a plain function" + ("" if isolated else ", or set BG_JOB_ISOLATED_LOOPS=true")
        self.home = GraphLoop(self._nodes, self._hint)
        self._free: list[GraphLoop] = []
        self._all = [self.home]

    def start(self) -> None:
        """Start the home loop."""
        self.home.start()

    def stop(self) -> None:
        """Stop all loops; a graph that blocks one is left to end with the process."""
        self._nodes.shutdown(wait=False, cancel_futures=True)
        for graph_loop in self._all:
            graph_loop.stop()

    def take(self) -> GraphLoop:
        """The loop for one run."""
        if not self._isolated:
            return self.home
        if self._free:
            return self._free.pop()
        graph_loop = GraphLoop(self._nodes, self._hint)
        graph_loop.start()
        self._all.append(graph_loop)
        return graph_loop

    def give_back(self, graph_loop: GraphLoop) -> None:
        """The run has ended: its loop is free for another one."""
        if graph_loop is not self.home:
            self._free.append(graph_loop)

    async def watch_forever(self, busy: Callable[[], int]) -> None:
        """Warn once of each loop that a graph has blocked for a while. Runs on another loop, as long as it is busy."""
        while True:
            await asyncio.sleep(WATCH_PERIOD)
            if busy():
                for graph_loop in self._all:
                    graph_loop.watch(WATCH_PERIOD)


class GraphLoop:
    """An event loop in a daemon thread, from `start` to `stop`."""

    def __init__(self, nodes: ThreadPoolExecutor, hint: str) -> None:
        self._hint = hint
        self.loop: asyncio.AbstractEventLoop = loop_factory()()
        self.loop.set_default_executor(nodes)
        self._thread = threading.Thread(target=self._run, name="treadle-graphs", daemon=True)
        self._stopping = False
        self._answered = True
        self._warned = False

    def start(self) -> None:
        """Start the loop."""
        self._thread.start()

    async def call(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Run `work` on this loop and return its result. Awaited on another loop."""
        return await on_loop(self.loop, work)

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
            except (SystemExit, KeyboardInterrupt) as error:
                # asyncio lets these escape from a node's task; the run ends in error, the server goes on.
                log.warning(f"a node raised {type(error).__name__}", hint="raise another exception instead")
        pending = asyncio.all_tasks(self.loop)
        for task in pending:
            task.cancel()
        if pending:
            self.loop.run_until_complete(asyncio.wait(pending, timeout=0.5))

    def watch(self, period: float) -> None:
        """Called every `period` seconds from another thread: warns once when a graph has blocked the loop that long."""
        if self._answered:
            self._answered, self._warned = False, False
            self.loop.call_soon_threadsafe(self._answer)
        elif not self._warned:
            self._warned = True
            where = blocking_place(self.loop, self._thread.ident or 0)
            log.warning("a graph blocks its event loop", seconds=period, hint=self._hint, **where)

    def _answer(self) -> None:
        self._answered = True


def loop_factory() -> Callable[[], asyncio.AbstractEventLoop]:
    """uvloop where it is installed: there is none for Windows."""
    try:
        from uvloop import new_event_loop
    except ImportError:
        return asyncio.new_event_loop
    return new_event_loop


def blocking_place(loop: asyncio.AbstractEventLoop, thread_id: int) -> dict[str, str]:
    """Where a loop's thread is: file and line of the author's code, and the LangGraph node to which it belongs."""
    frames = list(_outwards(sys._current_frames().get(thread_id)))
    if not frames:
        return {}
    own = next((frame for frame in frames if is_own(frame.f_code.co_filename)), frames[0])
    place = {"file": own.f_code.co_filename, "line": str(own.f_lineno), "function": own.f_code.co_name}
    node = _node(frames) or _node(_awaiting(loop))
    return place if node is None else {"node": node, **place}


def _outwards(frame: FrameType | None) -> Iterator[FrameType]:
    while frame is not None:
        yield frame
        frame = frame.f_back


def _awaiting(loop: asyncio.AbstractEventLoop) -> Iterator[FrameType]:
    """The coroutines of the task that waits for the one now running: LangChain runs a node in a task of its own."""
    running = asyncio.current_task(loop)
    for task in asyncio.all_tasks(loop):
        if running is not None and getattr(task, "_fut_waiter", None) is running:
            awaited: Any = task.get_coro()
            while awaited is not None:
                frame = getattr(awaited, "cr_frame", None) or getattr(awaited, "ag_frame", None)
                if frame is not None:
                    yield frame
                awaited = _awaited_by(awaited)


def _awaited_by(awaitable: Any) -> Any:
    if isinstance(awaitable, CoroutineType):
        return awaitable.cr_await
    if isinstance(awaitable, AsyncGeneratorType):
        return awaitable.ag_await
    # One step of an async generator names its generator to the garbage collector only.
    return next((item for item in gc.get_referents(awaitable) if isinstance(item, AsyncGeneratorType)), None)


def _node(frames: Iterable[FrameType]) -> str | None:
    for frame in frames:
        if frame.f_code.co_name == "arun_with_retry":
            name = getattr(frame.f_locals.get("task"), "name", None)
            return name if isinstance(name, str) else None
    return None
