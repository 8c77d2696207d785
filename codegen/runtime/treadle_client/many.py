"""Many runs of one graph, a few at a time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from itertools import islice
from typing import Any, Unpack
from uuid import UUID

import httpx

from treadle_client import resources
from treadle_client.calls import run_id_of
from treadle_client.errors import RunFailed, TreadleError
from treadle_client.transport import responses


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one of many runs ended."""

    index: int
    """The place of its input, from 0."""
    input: Any
    output: Any = None
    error: TreadleError | None = None
    """What waiting for the run raised; None if it succeeded."""
    run_id: str | None = None
    """None if no run was made."""

    def result(self) -> Any:
        """The output. Raises the error if there is one."""
        if self.error is not None:
            raise self.error
        return self.output


class Runs(resources.Runs):
    """The operations of `client.runs`, and many runs at once."""

    def map(
        self,
        assistant_id: UUID | str,
        inputs: Iterable[Any],
        *,
        concurrency: int = 20,
        ordered: bool = False,
        **fields: Unpack[resources.WaitFields],
    ) -> Generator[Outcome, None, None]:
        """Wait for a run of each input, and give the outcomes as they come.

        Args:
            assistant_id: What to run.
            inputs: Read only as fast as runs end.
            concurrency: Most runs at a time.
            ordered: Give the outcomes in the order of the inputs.
            fields: Fields of `wait`, the same for each run.

        A run that fails, or whose input cannot be sent, is an outcome with an error; the others go on. What reading the
        inputs raises is raised after the outcomes of those before. Leaving the loop starts no further run, and waits
        for those that have been sent. Raises ValueError if `concurrency` is below 1.
        """
        _check(concurrency, fields)

        def one(index: int, value: Any) -> Outcome:
            kept: list[httpx.Response] = []
            token = responses.set(kept)
            try:
                output = self.wait(assistant_id, input=value, **fields)
            except TreadleError as error:
                return _failed(index, value, error)
            finally:
                responses.reset(token)
            return Outcome(index, value, output=output, run_id=run_id_of(kept[-1]))

        def outcomes() -> Generator[Outcome, None, None]:
            rest, line = _Inputs(inputs), _Line(ordered)
            running: set[Future[Outcome]] = set()
            with ThreadPoolExecutor(concurrency, thread_name_prefix="treadle-map") as pool:
                while True:
                    for each in rest.take(concurrency - len(running)):
                        running.add(pool.submit(one, *each))
                    if not running:
                        rest.end()
                        return
                    done, running = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        yield from line.after(future.result())

        return outcomes()


class AsyncRuns(resources.AsyncRuns):
    """The operations of `client.runs`, and many runs at once."""

    def map(
        self,
        assistant_id: UUID | str,
        inputs: Iterable[Any],
        *,
        concurrency: int = 20,
        ordered: bool = False,
        **fields: Unpack[resources.WaitFields],
    ) -> AsyncGenerator[Outcome, None]:
        """Wait for a run of each input, and give the outcomes as they come; for asyncio.

        Args:
            assistant_id: What to run.
            inputs: Read only as fast as runs end.
            concurrency: Most runs at a time.
            ordered: Give the outcomes in the order of the inputs.
            fields: Fields of `wait`, the same for each run.

        A run that fails, or whose input cannot be sent, is an outcome with an error; the others go on. What reading the
        inputs raises is raised after the outcomes of those before. Closing the generator closes the connections of the
        runs that have been sent. Raises ValueError if `concurrency` is below 1.
        """
        _check(concurrency, fields)

        async def one(index: int, value: Any) -> Outcome:
            kept: list[httpx.Response] = []
            responses.set(kept)  # in the context of this task
            try:
                output = await self.wait(assistant_id, input=value, **fields)
            except TreadleError as error:
                return _failed(index, value, error)
            return Outcome(index, value, output=output, run_id=run_id_of(kept[-1]))

        async def outcomes() -> AsyncGenerator[Outcome, None]:
            rest, line = _Inputs(inputs), _Line(ordered)
            running: set[asyncio.Task[Outcome]] = set()
            try:
                while True:
                    for each in rest.take(concurrency - len(running)):
                        running.add(asyncio.create_task(one(*each)))
                    if not running:
                        rest.end()
                        return
                    done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                    for task in done:
                        for outcome in line.after(task.result()):
                            yield outcome
            finally:
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)

        return outcomes()


class _Inputs:
    """The inputs and their places. What reading one raises is kept, so that the runs of those before it can end."""

    def __init__(self, inputs: Iterable[Any]) -> None:
        self._rest = enumerate(inputs)
        self._error: Exception | None = None

    def take(self, most: int) -> Iterator[tuple[int, Any]]:
        """The next ones."""
        try:
            yield from islice(self._rest, 0 if self._error else most)
        except Exception as error:
            self._error = error

    def end(self) -> None:
        """Raise the exception that reading the inputs raised, if it did."""
        if self._error is not None:
            raise self._error


class _Line:
    """Outcomes that wait for those before them."""

    def __init__(self, ordered: bool) -> None:
        self._ordered = ordered
        self._next = 0
        self._waiting: dict[int, Outcome] = {}

    def after(self, outcome: Outcome) -> Iterator[Outcome]:
        """Those whose turn it is, now that this one is there."""
        if not self._ordered:
            yield outcome
            return
        self._waiting[outcome.index] = outcome
        while self._next in self._waiting:
            yield self._waiting.pop(self._next)
            self._next += 1


def _failed(index: int, value: Any, error: TreadleError) -> Outcome:
    return Outcome(index, value, error=error, run_id=error.run_id if isinstance(error, RunFailed) else None)


def _check(concurrency: int, fields: resources.WaitFields) -> None:
    if concurrency < 1:
        raise ValueError(f"concurrency must be at least 1, and not {concurrency}")
    if "idempotency_key" in fields:
        raise TypeError("one idempotency_key would be that of all runs; each run gets one of its own")
