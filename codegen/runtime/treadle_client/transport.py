"""How calls are sent: one class for threads, one for coroutines."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

import httpx

from treadle_client.calls import Call, IncompleteAnswer, Options
from treadle_client.course import RECONNECTS, Course, below
from treadle_client.retries import Retries
from treadle_client.streams import AsyncStream, Stream

T = TypeVar("T")
HEARTBEATS = 3
"""Heartbeats that may fail to come before the client takes the connection for lost."""


ASKED = 2
"""Attempts at a run's status: the first may meet a connection that was kept, and that the server has just closed."""


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """What a method returned, and the response that it was read from."""

    value: T
    response: httpx.Response

    @property
    def status(self) -> int:
        """The status."""
        return self.response.status_code

    @property
    def headers(self) -> httpx.Headers:
        """The headers."""
        return self.response.headers


responses: ContextVar[list[httpx.Response] | None] = ContextVar("responses", default=None)
"""The responses of the calls of a `with_response`; None outside of one."""


@dataclass(frozen=True, slots=True)
class Manner:
    """How a client sends its calls."""

    base_url: httpx.URL
    headers: httpx.Headers = field(repr=False)
    timeout: float | httpx.Timeout | None
    max_retries: int
    heartbeat: float

    def request(self, request: dict[str, Any], call: Call[Any], options: Options) -> dict[str, Any]:
        """The arguments of `httpx.Client.build_request`."""
        timeout = options.get("timeout", self.timeout)
        if call.lasting and "timeout" not in options and not isinstance(timeout, httpx.Timeout):
            timeout = httpx.Timeout(timeout, read=HEARTBEATS * self.heartbeat)
        headers = self.headers.copy()
        headers.update(request["headers"])
        return {**request, "url": self._url(request["url"]), "headers": headers, "timeout": timeout}

    def retries(self, options: Options, *, repeatable: bool) -> Retries:
        """The attempts of one call."""
        return Retries(repeatable, options.get("max_retries", self.max_retries))

    def course(self, call: Call[Any], options: Options) -> Course:
        """A new stream."""
        openings = options.get("max_retries", self.max_retries)
        return Course(call.prepare(options), openings, max(RECONNECTS, openings) if openings else 0)

    def asking(self, course: Course) -> dict[str, Any] | None:
        """The request for the status of a stream's run; None if it is not known where the run is."""
        path = course.run_path
        if path is None:
            return None
        return {
            "method": "get",
            "url": self._url(below(self.base_url, path)),
            "headers": self.headers,
            "timeout": HEARTBEATS * self.heartbeat,
            "follow_redirects": False,
        }

    def _url(self, path: str) -> str:
        return f"{str(self.base_url).rstrip('/')}{path}"


@dataclass(frozen=True, slots=True)
class Transport:
    """Sends calls, and waits for their answers."""

    http: httpx.Client
    manner: Manner

    def send(self, call: Call[T], options: Options) -> T:
        """The answer. Raises APIStatusError, APIConnectionError, UnexpectedAnswer or RunFailed."""
        prepared = call.prepare(options)
        retries = self.manner.retries(options, repeatable=prepared.repeatable)
        while True:
            try:
                request = self.http.build_request(**self.manner.request(prepared.request, call, options))
                response = self.http.send(request, follow_redirects=False)
            except httpx.RequestError as error:
                seconds: float | None = retries.after_error(error)
            else:
                seconds = retries.after_response(response)
                if seconds is None:
                    note(response)
                    try:
                        return prepared.read(response)
                    except IncompleteAnswer as error:
                        seconds = retries.after_error(httpx.RemoteProtocolError(str(error)))
            time.sleep(seconds or 0.0)

    def stream(self, call: Call[Any], options: Options) -> Stream:
        """The stream, which is not open yet."""

        @contextmanager
        def opening(course: Course) -> Iterator[httpx.Response]:
            request = self.manner.request(course.request(self.manner.base_url), call, options)
            with self.http.stream(**request, follow_redirects=False) as response:
                note(response)
                yield response

        def asking(course: Course) -> str | None:
            request = self.manner.asking(course)
            if request is None:
                return None
            for _ in range(ASKED):
                with suppress(httpx.RequestError):
                    return _status(self.http.request(**request))
            return None

        return Stream(self.manner.course(call, options), opening, asking)


@dataclass(frozen=True, slots=True)
class AsyncTransport:
    """Sends calls, and awaits their answers."""

    http: httpx.AsyncClient
    manner: Manner

    async def send(self, call: Call[T], options: Options) -> T:
        """The answer. Raises APIStatusError, APIConnectionError, UnexpectedAnswer or RunFailed."""
        import anyio  # here, since clients that wait for threads do not need it

        prepared = call.prepare(options)
        retries = self.manner.retries(options, repeatable=prepared.repeatable)
        while True:
            try:
                request = self.http.build_request(**self.manner.request(prepared.request, call, options))
                response = await self.http.send(request, follow_redirects=False)
            except httpx.RequestError as error:
                seconds: float | None = retries.after_error(error)
            else:
                seconds = retries.after_response(response)
                if seconds is None:
                    note(response)
                    try:
                        return prepared.read(response)
                    except IncompleteAnswer as error:
                        seconds = retries.after_error(httpx.RemoteProtocolError(str(error)))
            await anyio.sleep(seconds or 0.0)

    def stream(self, call: Call[Any], options: Options) -> AsyncStream:
        """The stream, which is not open yet."""

        @asynccontextmanager
        async def opening(course: Course) -> AsyncIterator[httpx.Response]:
            request = self.manner.request(course.request(self.manner.base_url), call, options)
            async with self.http.stream(**request, follow_redirects=False) as response:
                note(response)
                yield response

        async def asking(course: Course) -> str | None:
            request = self.manner.asking(course)
            if request is None:
                return None
            for _ in range(ASKED):
                with suppress(httpx.RequestError):
                    return _status(await self.http.request(**request))
            return None

        return AsyncStream(self.manner.course(call, options), opening, asking)


def _status(response: httpx.Response) -> str | None:
    """The status of the run in an answer; None if it is none."""
    with suppress(ValueError):
        document = response.json() if response.is_success else None
        return document.get("status") if isinstance(document, dict) else None
    return None


def answered(kept: list[httpx.Response]) -> httpx.Response:
    """The response of a call. Raises TypeError if it had none yet."""
    if not kept:
        raise TypeError("with_response is for methods that return an answer; a stream has its own `response`")
    return kept[-1]


def note(response: httpx.Response) -> None:
    """Add the response to the list that `with_response` has set up, if there is one."""
    if (kept := responses.get()) is not None:
        kept.append(response)
