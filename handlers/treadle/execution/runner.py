"""Attempts move to the graphs' event loops, and their events come back in batches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import Context, copy_context
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Literal

from treadle.encoding import encode, failure
from treadle.execution.attempt import End, Execution, Outlet
from treadle.execution.backpressure import Backpressure, Credit, Wait
from treadle.graphs.event_loops import GraphLoop, GraphLoops, Handoff
from treadle.storage.contract.runs import CancelAction, Outcome, RunRecord

Fate = Literal["held", "settling", "lost", "given back"]


@dataclass(eq=False, slots=True, repr=False)
class Attempt:
    """A claimed run under way. `task` and `cancelled` belong to the graph's loop, the rest to the server's."""

    run: RunRecord
    graph_loop: GraphLoop
    credit: Credit
    task: asyncio.Task[None] | None = None
    cancelled: bool = False
    action: CancelAction = "interrupt"
    reason: str = ""
    fate: Fate = "held"
    """Why the attempt ends when it is cancelled. It stays `held` if a client cancelled the run."""
    ending: bool = False
    """Whether its run is being settled or given back."""
    context: Context = field(default_factory=copy_context)
    """The variables of the request that created the run, such as those that the author's middleware has set."""
    started: float = field(default_factory=monotonic)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the run has been settled."""

    def __repr__(self) -> str:
        return f"<Attempt {self.run.attempt} at {self.run.run_id} {self.fate}>"


_Item = tuple[Attempt, tuple[str, bytes] | End]
"""An event of an attempt, or its end."""


@dataclass(frozen=True, slots=True)
class _Lines:
    """The ways to the loop of a graph, and back."""

    there: Handoff[Attempt]
    back: Handoff[_Item]


class _Outlet(Outlet):
    """Hands the events of an attempt over to the server's loop."""

    __slots__ = ("_attempt", "_audience", "_handoff")

    def __init__(self, attempt: Attempt, handoff: Handoff[_Item]) -> None:
        self._attempt = attempt
        self._audience = attempt.credit.audience
        self._handoff = handoff

    @property
    def listened(self) -> bool:
        return self._audience.listens

    def send(self, name: str, data: bytes) -> Wait | None:
        self._handoff.put((self._attempt, (name, data)))
        return self._attempt.credit.spend(len(data))


class Runner:
    """Executes attempts on the graphs' loops, and brings their events and ends back to the loop that made the runner.

    `on_end` is called there exactly once for each attempt, however it ends. It must leave what it does to a task: the
    last events are appended just after it.
    """

    def __init__(
        self,
        execution: Execution,
        loops: GraphLoops,
        backpressure: Backpressure,
        on_end: Callable[[Attempt, End], None],
    ) -> None:
        self._execution = execution
        self._loops = loops
        self._backpressure = backpressure
        self._on_end = on_end
        self._home = asyncio.get_running_loop()
        self._lines: dict[GraphLoop, _Lines] = {}

    def run(self, record: RunRecord) -> Attempt:
        """Begin an attempt at a claimed run."""
        graph_loop = self._loops.take()
        attempt = Attempt(record, graph_loop, self._backpressure.credit(record.run_id, graph_loop.loop))
        if attempt.credit.audience.listens and self._execution.begins(record):
            begun = encode({"run_id": record.run_id, "attempt": record.attempt})
            self._backpressure.append(attempt.credit, [("metadata", begun)])
        self._lines_of(graph_loop).there.put(attempt)
        return attempt

    def cancel(self, attempt: Attempt) -> None:
        """Cancel an attempt: its awaiting node gets the cancellation."""
        attempt.graph_loop.loop.call_soon_threadsafe(_cancel, attempt)

    def _lines_of(self, graph_loop: GraphLoop) -> _Lines:
        lines = self._lines.get(graph_loop)
        if lines is None:
            loop = graph_loop.loop
            lines = self._lines[graph_loop] = _Lines(
                Handoff(self._home, loop, self._begin), Handoff(loop, self._home, self._take)
            )
        return lines

    # On the loop of the attempt's graph.

    def _begin(self, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            if attempt.cancelled:
                self._hand_over(attempt, End(Outcome("interrupted")))
            else:
                # In the context of its own request: others began in the same turn.
                context = attempt.context.copy()
                attempt.task = attempt.graph_loop.loop.create_task(self._execute(attempt), context=context)
                attempt.task.add_done_callback(partial(self._finish, attempt))

    async def _execute(self, attempt: Attempt) -> None:
        end = await self._execution(attempt.run, _Outlet(attempt, self._lines[attempt.graph_loop].back))
        self._hand_over(attempt, end)  # together with the last events

    def _finish(self, attempt: Attempt, task: asyncio.Task[None]) -> None:
        """Hand an outcome over however the task ended: one that is cancelled before its first step runs no code."""
        if task.cancelled():
            self._hand_over(attempt, End(Outcome("interrupted")))
        elif (error := task.exception()) is not None:
            self._hand_over(attempt, End(Outcome("error", error=encode(failure(error))), error))

    def _hand_over(self, attempt: Attempt, end: End) -> None:
        self._lines[attempt.graph_loop].back.put((attempt, end))

    # On the loop that made the runner.

    def _take(self, items: list[_Item]) -> None:
        events: dict[Attempt, list[tuple[str, bytes]]] = {}
        for attempt, item in items:
            if not isinstance(item, End):
                events.setdefault(attempt, []).append(item)
                continue
            self._loops.give_back(attempt.graph_loop)
            # First the end, which only begins here: a run that is settled at once then ends with its last events.
            self._on_end(attempt, item)
            if attempt in events:
                self._backpressure.append(attempt.credit, events.pop(attempt))
        for attempt, ready in events.items():
            self._backpressure.append(attempt.credit, ready)


def _cancel(attempt: Attempt) -> None:
    attempt.cancelled = True
    if attempt.task is not None:
        attempt.task.cancel()
