"""The worker: claims due runs, runs their graphs on the graphs' loop, writes their events and settles them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any

import structlog

from treadle.encoding import encode
from treadle.errors import LeaseLost
from treadle.runs.execution import Execution
from treadle.runs.graph_loop import GraphLoop, Handoff
from treadle.runs.tracebacks import own_traceback
from treadle.storage.base import CancelAction, Outcome, RunRecord, Storage

log = structlog.get_logger("treadle.runs")
# Bytes of events that a graph may be ahead of the event log before it has to wait.
IN_FLIGHT = 1024 * 1024
# Ended runs are swept out at most this often, in seconds; an expired one is invisible before.
SWEEP_PERIOD = 1.0
# How often the graphs' loop is asked for a sign of life while runs are under way, in seconds.
WATCH_PERIOD = 0.5


@dataclass(eq=False, slots=True)
class _Attempt:
    """A claimed run under way. Task, gate and `sent` belong to the graphs' loop, the rest to the server's."""

    run: RunRecord
    task: asyncio.Task[None] | None = None
    cancelled: bool = False
    action: CancelAction = "interrupt"
    reason: str = ""
    sent: int = 0
    """Bytes of events that the graph has produced."""
    appended: int = 0
    accepted: int = 0
    """Bytes that were appended while, or before, the followers kept up."""
    gate: asyncio.Future[None] | None = None
    waits_for_room: bool = False
    started: float = field(default_factory=monotonic)


_End = tuple[Outcome, BaseException | None]
_Item = tuple[_Attempt, str, bytes] | tuple[_Attempt, None, _End]


class Worker:
    """Runs at most `concurrency` runs at once. Wake-ups are hints: the store is asked for what is really due."""

    def __init__(
        self,
        storage: Storage,
        execution: Execution,
        *,
        concurrency: int,
        resumable_ttl: float,
        clock: Callable[[], float],
    ) -> None:
        self._storage = storage
        self._execution = execution
        self._concurrency = concurrency
        self._resumable_ttl = resumable_ttl
        self._clock = clock
        self._attempts: dict[str, _Attempt] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._ended = asyncio.Event()
        self._backlog = False
        self._graphs = GraphLoop()
        self._to_graphs = Handoff(self._graphs.loop, self._begin)
        self._from_graphs: Handoff[_Item] = Handoff(asyncio.get_running_loop(), self._take)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def busy(self) -> int:
        """Runs under way in this process."""
        return len(self._attempts)

    @property
    def has_slot(self) -> bool:
        """Whether a run that is due now may start at once, without overtaking one that waits."""
        return not self._backlog and len(self._attempts) < self._concurrency

    def start(self) -> None:
        """Begin to claim runs."""
        self._graphs.start()
        forever = (self._claim_forever, self._sweep_forever, self._watch_forever)
        self._tasks = [asyncio.create_task(work()) for work in forever]

    async def stop(self, grace: float) -> None:
        """Take no more runs; let those under way end within `grace` seconds, then cancel them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._attempts:
            log.info("waiting for runs to end", runs=len(self._attempts), grace_seconds=grace)
            await self._drain(grace)
        for run_id in list(self._attempts):
            self.cancel(run_id, "interrupt", "the server shut down")
        await self._drain(2.0)
        self._graphs.stop()

    async def _drain(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._attempts:
                    self._idle.clear()
                    await self._idle.wait()

    def wake(self) -> None:
        """Look for due runs now: one was added, or a slot became free."""
        self._backlog = True
        self._wake.set()

    def run(self, record: RunRecord) -> None:
        """Run a run that is already claimed."""
        attempt = _Attempt(record)
        self._attempts[record.run_id] = attempt
        self._to_graphs.put(attempt)

    def cancel(self, run_id: str, action: CancelAction, reason: str) -> bool:
        """Cancel a run under way here; its awaiting node gets the cancellation. False if it is not here."""
        attempt = self._attempts.get(run_id)
        if attempt is None:
            return False
        attempt.action, attempt.reason = action, reason
        self._graphs.loop.call_soon_threadsafe(_cancel, attempt)
        return True

    # On the graphs' loop.

    def _begin(self, attempts: list[_Attempt]) -> None:
        for attempt in attempts:
            if attempt.cancelled:
                self._from_graphs.put((attempt, None, (Outcome("interrupted"), None)))
            else:
                attempt.task = self._graphs.loop.create_task(self._execute(attempt))

    async def _execute(self, attempt: _Attempt) -> None:
        put = self._from_graphs.put

        def emit(name: str, data: bytes) -> Awaitable[None] | None:
            put((attempt, name, data))
            attempt.sent += len(data)
            return None if attempt.sent - attempt.accepted <= IN_FLIGHT else self._credit(attempt)

        put((attempt, None, await self._execution(attempt.run, emit)))

    async def _credit(self, attempt: _Attempt) -> None:
        """Wait until the event log, and whoever follows it, has caught up with the graph."""
        while attempt.sent - attempt.accepted > IN_FLIGHT:
            attempt.gate = self._graphs.loop.create_future()
            if attempt.sent - attempt.accepted > IN_FLIGHT:  # not accepted just before there was a gate to open
                await attempt.gate
        attempt.gate = None

    # On the server's loop.

    def _take(self, items: list[_Item]) -> None:
        """Write what the graphs produced, in order; one append per run and batch."""
        events: dict[str, list[tuple[str, bytes]]] = {}
        for item in items:
            attempt, run_id = item[0], item[0].run.run_id
            if item[1] is not None:
                events.setdefault(run_id, []).append((item[1], item[2]))
                continue
            if run_id in events:
                self._append(run_id, events.pop(run_id))
            self._spawn(self._settle(attempt, *item[2]))
        for run_id, ready in events.items():
            self._append(run_id, ready)

    def _append(self, run_id: str, ready: list[tuple[str, bytes]]) -> None:
        log, attempt = self._storage.events, self._attempts[run_id]
        log.append(run_id, ready)
        attempt.appended += sum(len(data) for _, data in ready)
        if not log.full(run_id):
            self._accept(attempt)
        elif not attempt.waits_for_room:
            attempt.waits_for_room = True
            self._spawn(self._make_room(attempt))

    def _accept(self, attempt: _Attempt) -> None:
        attempt.accepted = attempt.appended
        if attempt.gate is not None:
            self._graphs.loop.call_soon_threadsafe(_open, attempt.gate)

    async def _make_room(self, attempt: _Attempt) -> None:
        await self._storage.events.room(attempt.run.run_id)
        attempt.waits_for_room = False
        self._accept(attempt)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, attempt: _Attempt, outcome: Outcome, error: BaseException | None) -> None:
        run, runs = attempt.run, self._storage.runs
        if outcome.status == "interrupted":
            outcome = cancelled(attempt.reason, outcome)
        try:
            ended = await runs.settle(run.run_id, run.claim or "", outcome)
            if outcome.status == "interrupted" and attempt.action == "rollback":
                await runs.remove(run.run_id)
            # Only now: whoever sees the end of the stream must find the run settled.
            self._storage.events.close(run.run_id, ended)
        except LeaseLost:
            log.warning("another worker took the run over", run_id=run.run_id)
        if run.resumable:
            asyncio.get_running_loop().call_later(self._resumable_ttl, self._storage.events.drop, run.run_id)
        self._ended.set()
        del self._attempts[run.run_id]
        if self._backlog:
            self._wake.set()
        if not self._attempts:
            self._idle.set()
        _report(run, outcome, error, monotonic() - attempt.started)

    async def _claim_forever(self) -> None:
        """Start what is due, then sleep until the next run is, or until woken."""
        runs = self._storage.runs
        while True:
            self._wake.clear()
            free = self._concurrency - len(self._attempts)
            for record in await runs.claim(free) if free > 0 else ():
                self.run(record)
            due = await runs.next_due()
            now = self._clock()
            self._backlog = due is not None and due <= now
            # With a backlog, a slot that becomes free wakes us.
            delay = None if due is None or self._backlog else due - now
            with suppress(TimeoutError):
                async with asyncio.timeout(delay):
                    await self._wake.wait()

    async def _sweep_forever(self) -> None:
        """Forget ended runs when their retention is over."""
        while True:
            await self._ended.wait()
            self._ended.clear()
            expires: float | None = self._clock()
            while expires is not None:
                await asyncio.sleep(max(expires - self._clock(), SWEEP_PERIOD))
                gone, expires = await self._storage.runs.sweep()
                for run_id in gone:
                    self._storage.events.drop(run_id)

    async def _watch_forever(self) -> None:
        while True:
            await asyncio.sleep(WATCH_PERIOD)
            if self._attempts:
                self._graphs.watch(WATCH_PERIOD)


def cancelled(reason: str, outcome: Outcome | None = None) -> Outcome:
    """The outcome of a cancelled run; what it had produced stays readable."""
    error = encode({"error": "UserInterrupt", "message": reason})
    return replace(outcome or Outcome("interrupted"), cancelled=error)


def _open(gate: asyncio.Future[None]) -> None:
    if not gate.done():
        gate.set_result(None)


def _cancel(attempt: _Attempt) -> None:
    attempt.cancelled = True
    if attempt.task is not None:
        attempt.task.cancel()


def _report(run: RunRecord, outcome: Outcome, error: BaseException | None, seconds: float) -> None:
    about = {"graph": run.graph_id, "run_id": run.run_id, "status": outcome.status, "ms": round(seconds * 1000, 1)}
    if error is None:
        log.info("run ended", **about)
    else:
        # Clients see a masked text: the log is where the author finds the cause.
        log.error("run failed", **about, exception=own_traceback(error))
