"""One attempt at one run: it runs the graph, turns its chunks into events, and makes the outcome."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import structlog
from langchain_core.runnables import RunnableConfig

from treadle.background import RETRY_PERIOD
from treadle.encoding import encode, json_copy
from treadle.encryption.current import enter
from treadle.errors import AttemptsExhausted, CheckpointsUnavailable, EncryptionFailed, StorageUnavailable
from treadle.execution.backpressure import Wait
from treadle.execution.config import Deployment, run_config
from treadle.execution.graph_input import graph_context, graph_input
from treadle.execution.log_context import bind_run
from treadle.execution.results import Results
from treadle.execution.stream_modes import StreamModes, langgraph_modes, stream_chunks
from treadle.execution.tracing import continued_trace
from treadle.graphs.checkpoints import Checkpoints, OpenGraphs, left_in_thread
from treadle.graphs.loading import AnyPregel
from treadle.storage.contract.runs import Outcome, RunRecord, Status
from treadle.storage.contract.threads import ThreadState

T = TypeVar("T")
FeedbackLinks = Callable[[RunRecord], Awaitable[dict[str, str]]]
"""The URL for feedback under each key of a run that has keys."""
# Seconds in which the state that a run left in its thread has to be read; otherwise the values of its events count.
LOOK_BACK = 10.0
log = structlog.get_logger("treadle.runs")


@dataclass(frozen=True, slots=True)
class End:
    """The result of an attempt."""

    outcome: Outcome
    error: BaseException | None = None
    """The exception behind a failure, for the log."""
    left: ThreadState | None = None
    """The state that a kept run left in its thread, as far as it could be read."""
    again: bool = False
    """Whether the run is to begin again when its lease is over: its checkpoints were out of reach."""


class Outlet(ABC):
    """Where the events of an attempt go."""

    __slots__ = ()

    @property
    @abstractmethod
    def listened(self) -> bool:
        """Whether anybody reads the events. If not, they need not be sent, or even encoded."""

    @abstractmethod
    def send(self, name: str, data: bytes) -> Wait | None:
        """Send an event, given its name and JSON. Return what the graph has to await: slow followers slow it down."""


@dataclass(frozen=True, slots=True)
class Execution:
    """Runs the graphs of runs. Used on the graphs' event loops only."""

    graphs: OpenGraphs
    checkpoints: Checkpoints
    deployment: Deployment
    feedback_links: FeedbackLinks
    timeout: float
    attempts: int
    """Attempts per run at most."""
    clock: Callable[[], float]
    shares_records: bool
    """Whether the store has the same record as an attempt, whose graph may change what it is given."""

    def begins(self, run: RunRecord) -> bool:
        """Whether the attempt is made at all: its run can be read, and has not been attempted too often."""
        return run.unreadable is None and (run.attempt == 1 or run.attempt <= self.attempts)

    async def __call__(self, run: RunRecord, outlet: Outlet) -> End:
        """Run the graph to its end. Never raises.

        A cancelled attempt ends as `interrupted`, one whose graph takes longer than the timeout as `timeout`.
        """
        bind_run(run)
        enter(run.encryption)
        attempt = _Attempt(self, run, outlet)
        limit = asyncio.timeout(self.timeout)
        try:
            try:
                async with limit:
                    await attempt.run_graph()
            finally:  # beyond the limit: a graph that ended in time has not timed out because its state is slow to read
                await attempt.look_back()
            return End(await attempt.succeed(), None, attempt.left)
        except asyncio.CancelledError:
            return End(attempt.results.interrupted(), None, attempt.left)
        except CheckpointsUnavailable as error:
            log.error("a run without checkpoints begins again later", run_id=run.run_id, error=str(error))
            return End(attempt.results.interrupted(), None, attempt.left, again=True)
        except BaseException as error:  # the one place where a graph's exceptions end, SystemExit included
            status: Status = "timeout" if limit.expired() and isinstance(error, TimeoutError) else "error"
            return End(attempt.fail(status, error), error, attempt.left)


class _Attempt:
    """One attempt: it runs the graph, and sends an event for each of its chunks."""

    def __init__(self, execution: Execution, run: RunRecord, outlet: Outlet) -> None:
        self._execution = execution
        self._run = run
        self._outlet = outlet
        self._modes = StreamModes(run.kwargs.stream_mode)
        self._sends_values = "values" in run.kwargs.stream_mode
        self._context = self._own(run.kwargs.context)
        self._was_listened = outlet.listened
        self._kept: AnyPregel | None = None
        self.results = Results()
        self.left: ThreadState | None = None

    def _own(self, value: T) -> T:
        """A value of the record, for a graph that may change it."""
        return json_copy(value) if self._execution.shares_records else value

    async def run_graph(self) -> None:
        """Run the graph to its end, and send its events."""
        run = self._run
        if run.unreadable is not None:
            raise EncryptionFailed(run.unreadable)
        if not run.temporary:
            await self._patiently(self._execution.checkpoints.reach, CheckpointsUnavailable)
        if run.attempt > 1:
            await self._forget_earlier()
        config = run_config(run, self._execution.deployment)
        opened = self._execution.graphs.open(
            run.graph_id, config, access="threads.create_run", context=self._context, keeping=not run.temporary
        )
        with continued_trace(config["configurable"]):
            async with opened as graph:
                self._kept = None if run.temporary else graph
                await self._follow(graph, config)

    async def _forget_earlier(self) -> None:
        """Delete the checkpoints of earlier attempts. Raises AttemptsExhausted if there were too many."""
        run, allowed = self._run, self._execution.attempts
        if not run.temporary:
            checkpoints = self._execution.checkpoints
            await self._patiently(lambda: checkpoints.delete(run.thread_id, run_id=run.run_id), StorageUnavailable)
        if run.attempt > allowed:
            raise AttemptsExhausted(f"{allowed} attempts were cut short: their processes ended, or lost the store")

    async def _patiently(self, work: Callable[[], Awaitable[None]], trouble: type[StorageUnavailable]) -> None:
        """Do what has to be done before the graph begins, when there is no such trouble any more."""
        while True:
            try:
                return await work()
            except trouble as error:
                if isinstance(error.__cause__, NotImplementedError):
                    raise  # the author's checkpointer never can
                log.error("a run cannot begin; trying again", run_id=self._run.run_id, error=str(error))
                await asyncio.sleep(RETRY_PERIOD)

    async def _follow(self, graph: AnyPregel, config: RunnableConfig) -> None:
        run, kwargs = self._run, self._run.kwargs
        chunks = stream_chunks(
            graph,
            graph_input(self._own(kwargs.input), self._own(kwargs.command)),
            config,
            events="events" in kwargs.stream_mode,
            subgraphs=kwargs.subgraphs,
            stream_mode=langgraph_modes(kwargs.stream_mode),
            # As `invoke` has it: by default LangGraph streams all channels, those of the graph's private state too.
            output_keys=graph.output_channels,
            context=graph_context(graph, self._context),
            interrupt_before=kwargs.interrupt_before,
            interrupt_after=kwargs.interrupt_after,
            # Without a checkpointer there is nothing to make durable, and LangGraph warns or fails.
            durability=None if run.temporary else kwargs.durability,
        )
        async with aclosing(chunks):
            async for chunk in chunks:
                namespace: tuple[str, ...] = ()
                if kwargs.subgraphs:
                    namespace, mode, value = chunk
                else:
                    mode, value = chunk
                if mode == "values" and not namespace:
                    if (wait := self._take_values(value)) is not None:
                        await wait()
                    continue
                for name, payload in self._modes.events(namespace, mode, value):
                    if (wait := self._tell(name, payload)) is not None:
                        await wait()

    def _take_values(self, values: Any) -> Wait | None:
        """Remember an output of the graph, and send it to those who asked for such events."""
        if not self._sends_values:
            self.results.take(values, None)
            return None
        self._note_event()
        json = encode(values)  # also if nobody listens: later nodes may change what is in it
        self.results.take(values, json)
        return self._outlet.send("values", json) if self._outlet.listened else None

    def _tell(self, name: str, payload: Any) -> Wait | None:
        """Send an event, if anybody reads it.

        One that cannot be encoded fails a run that was read from its start. Other runs leave the event out.
        """
        self._note_event()
        if not self._outlet.listened:
            return None
        try:
            data = encode(payload)
        except Exception as error:  # of the author's own classes
            if self._was_listened:
                raise
            log.warning("an event cannot be encoded, and is left out", run_id=self._run.run_id, error=repr(error))
            return None
        return self._outlet.send(name, data)

    async def look_back(self) -> None:
        """Read the state that a kept run left in its thread, after any kind of end."""
        if self._kept is None:
            return
        self.left = ThreadState(values=self.results.values or b"{}")
        try:
            async with asyncio.timeout(LOOK_BACK):
                self.left = await left_in_thread(self._kept, self._run.thread_id)
        except Exception as error:  # the author's own reducers and values are at work here
            log.warning("the state of a thread cannot be read", run_id=self._run.run_id, error=repr(error))

    def _note_event(self) -> None:
        if self.results.first_event_at is None:
            self.results.first_event_at = self._execution.clock()

    async def succeed(self) -> Outcome:
        """The outcome of a graph that ended by itself, with the links for feedback, which its followers get as well."""
        outcome = self.results.outcome("success")
        if not self._run.kwargs.feedback_keys:
            return outcome
        feedback = encode(await self._execution.feedback_links(self._run))
        self._outlet.send("feedback", feedback)
        return replace(outcome, feedback=feedback)

    def fail(self, status: Status, error: BaseException) -> Outcome:
        """The outcome of an attempt that ended in `error`, after telling its followers.

        It does not wait for them: one that has stopped reading must not keep the run from ending.
        """
        outcome = self.results.failed(status, error)
        self._outlet.send("error", outcome.error or b"{}")
        return outcome
