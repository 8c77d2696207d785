"""Streams of events. They go on by themselves after their connection broke."""

from __future__ import annotations

import time
import warnings
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, aclosing
from threading import Lock
from types import AsyncGeneratorType, TracebackType
from typing import Any, Self, TypeAlias, cast

import httpx
from httpx_sse import EventSource

from treadle_client.course import Course, is_stream
from treadle_client.errors import TreadleError
from treadle_client.events import Event, Messages, MessagesComplete, MessagesPartial, Values

Opening: TypeAlias = Callable[[Course], AbstractContextManager[httpx.Response]]
Asking: TypeAlias = Callable[[Course], str | None]
"""Returns the status of the run; None if it is not known."""
AsyncAsking: TypeAlias = Callable[[Course], Awaitable[str | None]]
AsyncOpening: TypeAlias = Callable[[Course], AbstractAsyncContextManager[httpx.Response]]


class _Stream:
    def __init__(self, course: Course) -> None:
        self._course = course
        self._opened = self._finished = self._closed = False
        self._error: TreadleError | None = None

    def __del__(self) -> None:
        if self._opened and not (self._finished or self._closed):
            said = f"{self!r} was not closed: read it in a `with` block"
            warnings.warn(said, ResourceWarning, stacklevel=2, source=self)

    def _check_open(self) -> None:
        """Raise if no event can come: this must not look like the end of the run."""
        if self._error is not None:
            raise self._error
        if self._closed and not self._finished:
            raise TreadleError("the stream is closed, and was not read to its end")

    def _interrupted(self, error: BaseException) -> None:
        """Note what ended the stream: a second reading must not look like the end of the run."""
        self._closed = True
        if isinstance(error, TreadleError):
            self._error = error

    def __repr__(self) -> str:
        return f"<{type(self).__name__} run_id={self.run_id} last_event_id={self.last_event_id}>"

    @property
    def run_id(self) -> str | None:
        """The id of the run, once the stream is open."""
        return self._course.run_id

    @property
    def last_event_id(self) -> str | None:
        """The id of the last event, if the stream can be resumed: `runs.join_stream` goes on after it."""
        return self._course.last_event_id

    @property
    def response(self) -> httpx.Response | None:
        """The response whose events are read, once the stream is open; another one after each cut."""
        return self._course.response


class Stream(_Stream):
    """The events of a run, each as it arrives.

    Entering the `with` block sends the request; leaving it closes the connection. Reading raises RunFailed after the
    event `error`, StreamBroken if the connection broke and the stream could not go on, and APIStatusError if the server
    refused it.
    """

    def __init__(self, course: Course, opening: Opening, asking: Asking) -> None:
        super().__init__(course)
        self._events = self._kept(self._read(opening, asking))
        self._reading = Lock()

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __iter__(self) -> Iterator[Event]:
        self._open()
        while (event := self._next()) is not None:
            yield event
        self._check_open()

    def close(self) -> None:
        """Close the connection. If another thread is reading, it does so itself with the next event or heartbeat."""
        self._closed = True
        if self._reading.acquire(blocking=False):
            try:
                self._events.close()
            finally:
                self._reading.release()

    def _next(self) -> Event | None:
        with self._reading:
            return next(self._events, None)

    def _open(self) -> None:
        self._check_open()
        if not self._opened:
            self._opened = True
            self._next()

    def text(self) -> Iterator[str]:
        """The text of the models' messages, piece by piece; for the stream modes `messages-tuple` and `messages`."""
        texts = _Texts()
        return (text for event in self if (text := texts.of(event)))

    def output(self) -> Any:
        """Read the stream to its end, and return the last values of the graph; None if there were none."""
        output = None
        for event in self:
            output = event.data if isinstance(event, Values) and not event.namespace else output
        return output

    def _kept(self, events: Generator[Event | None, None, None]) -> Generator[Event | None, None, None]:
        """The same events."""
        try:
            yield from events
        except GeneratorExit:
            raise
        except BaseException as error:
            self._interrupted(error)
            raise

    def _read(self, opening: Opening, asking: Asking) -> Generator[Event | None, None, None]:
        course, opened = self._course, False
        while True:
            try:
                with opening(course) as response:
                    if response.status_code != 200:
                        response.read()
                        seconds = course.refused(response)
                    else:
                        if not is_stream(response):
                            response.read()
                        course.opened(response)
                        if not opened:
                            opened = True
                            self._check_open()
                            yield None
                        for event in EventSource(response).iter_sse():
                            self._check_open()
                            if event.data:  # a comment ends with a blank line, which httpx-sse takes for an event
                                yield course.receive(response, event)
                        pause = course.ended(response, asking(course))
                        if pause is None:
                            self._finished = True
                            return
                        seconds = pause
            except httpx.RequestError as error:
                seconds = course.broken(error)
            self._check_open()
            time.sleep(seconds)


class AsyncStream(_Stream):
    """The events of a run, each as it arrives.

    Entering the `async with` block sends the request; leaving it closes the connection. Reading raises what that of a
    `Stream` raises.
    """

    def __init__(self, course: Course, opening: AsyncOpening, asking: AsyncAsking) -> None:
        super().__init__(course)
        events = self._kept(self._read(opening, asking))
        self._events = cast("AsyncGeneratorType[Event | None, None]", events)

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def __aiter__(self) -> AsyncIterator[Event]:
        await self._open()
        async for event in self._events:
            if event is not None:
                yield event
                self._check_open()  # another task may be closing it
        self._check_open()

    async def close(self) -> None:
        """Close the connection. If another task is reading, it does so itself with the next event or heartbeat."""
        self._closed = True
        if not self._events.ag_running:
            await self._events.aclose()

    async def _open(self) -> None:
        self._check_open()
        if not self._opened:
            self._opened = True
            await anext(self._events)

    async def text(self) -> AsyncIterator[str]:
        """The text of the models' messages, piece by piece; for the stream modes `messages-tuple` and `messages`."""
        texts = _Texts()
        async for event in self:
            if text := texts.of(event):
                yield text

    async def output(self) -> Any:
        """Read the stream to its end, and return the last values of the graph; None if there were none."""
        output = None
        async for event in self:
            output = event.data if isinstance(event, Values) and not event.namespace else output
        return output

    async def _kept(self, events: AsyncGenerator[Event | None, None]) -> AsyncGenerator[Event | None, None]:
        """The same events."""
        async with aclosing(events):
            try:
                async for event in events:
                    yield event
            except GeneratorExit:
                raise
            except BaseException as error:
                self._interrupted(error)
                raise

    async def _read(self, opening: AsyncOpening, asking: AsyncAsking) -> AsyncGenerator[Event | None, None]:
        import anyio  # here, since clients that wait for threads do not need it

        course, opened = self._course, False
        while True:
            try:
                async with opening(course) as response:
                    if response.status_code != 200:
                        await response.aread()
                        seconds = course.refused(response)
                    else:
                        if not is_stream(response):
                            await response.aread()
                        course.opened(response)
                        if not opened:
                            opened = True
                            self._check_open()
                            yield None
                        async for event in EventSource(response).aiter_sse():
                            self._check_open()
                            if event.data:  # as above
                                yield course.receive(response, event)
                        pause = course.ended(response, await asking(course))
                        if pause is None:
                            self._finished = True
                            return
                        seconds = pause
            except httpx.RequestError as error:
                seconds = course.broken(error)
            self._check_open()
            await anyio.sleep(seconds)


class _Texts:
    """The new text of each event of messages."""

    def __init__(self) -> None:
        self._sent: dict[Any, int] = {}

    def of(self, event: Event) -> str:
        """Empty if the event has none."""
        if isinstance(event, Messages):
            return _text(event.data[0].get("content"))
        if not isinstance(event, MessagesPartial | MessagesComplete):
            return ""
        new = ""
        for message in event.data:
            whole = _text(message.get("content"))
            new += whole[self._sent.get(message.get("id"), 0) :]
            self._sent[message.get("id")] = len(whole)
        return new


def _text(content: Any) -> str:
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "".join(block if isinstance(block, str) else str(block.get("text", "")) for block in blocks)
