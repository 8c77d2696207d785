"""Answers as ASGI applications: JSON at once, JSON later with heartbeats, errors. All of them pre-encoded bytes."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any, ClassVar, Generic, TypeVar

import structlog
from starlette.types import Message, Receive, Scope, Send

from treadle.encoding import encode
from treadle.errors import StorageUnavailable
from treadle.runs.attachments import Attachment
from treadle.storage.contract.events import Event, Follower
from treadle.web.headers import RawHeaders, raw_headers

R_co = TypeVar("R_co", covariant=True)
log = structlog.get_logger("treadle.web")

JSON = b"application/json"
AT_ONCE = 0.1
"""Seconds for which the headers of an answer wait for its first bytes. An answer that takes longer is watched."""


class Reply(ABC, Generic[R_co]):
    """What a handler returns: an answer whose content has the operation's result type."""

    @abstractmethod
    def start(self) -> Message:
        """The status and the headers."""

    @abstractmethod
    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer."""

    async def head(self, send: Send) -> None:
        """Send the status and the headers at once, and no content: the answer to a HEAD."""
        await send(self.start())
        await send({"type": "http.response.body"})

    def timed(self, phases: Mapping[str, float]) -> None:
        """Take note of how long parts of the work took, in seconds."""


class Encoded(Reply[R_co]):
    """A whole JSON document that is encoded already, with the header `Server-Timing`."""

    media_type: ClassVar[bytes] = JSON

    def __init__(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        timings: Mapping[str, float | None] | None = None,
    ) -> None:
        self._body = body
        self._status = status
        self._headers = raw_headers(headers)
        self._timings = [
            f"{name};dur={duration:.3f}" for name, duration in (timings or {}).items() if duration is not None
        ]

    def timed(self, phases: Mapping[str, float]) -> None:
        self._timings += [f"{name};dur={seconds * 1000:.3f}" for name, seconds in phases.items()]

    def start(self) -> Message:
        length = str(len(self._body)).encode()
        headers = [(b"content-type", self.media_type), (b"content-length", length), *self._headers]
        if self._timings:
            headers.append((b"server-timing", ", ".join(self._timings).encode()))
        return {"type": "http.response.start", "status": self._status, "headers": headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send(self.start())
        await send({"type": "http.response.body", "body": self._body})


class Json(Encoded[R_co]):
    """A whole JSON document, from the operation's result."""

    def __init__(
        self,
        content: R_co,
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        timings: Mapping[str, float | None] | None = None,
    ) -> None:
        super().__init__(encode(content), status=status, headers=headers, timings=timings)


class Page(Encoded[Any]):
    """A whole page in HTML."""

    media_type = b"text/html; charset=utf-8"


class Empty(Reply[R_co]):
    """A status without a body."""

    def __init__(self, status: int, *, headers: Mapping[str, str] | None = None) -> None:
        self._status = status
        # A 204 must not have a length; other statuses need one, so that the connection can be used again.
        self._headers = raw_headers(headers) + ([] if status == 204 else [(b"content-length", b"0")])

    def start(self) -> Message:
        return {"type": "http.response.start", "status": self._status, "headers": self._headers}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.head(send)


class Failure(Json[dict[str, str]]):
    """The one form of every failure: `{"detail": "…"}`."""

    def __init__(self, status: int, detail: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__({"detail": detail}, status=status, headers=headers)


class Following(Reply[R_co]):
    """An answer that lasts as long as a run. It sends heartbeats, and watches the connection.

    Heartbeats have a fixed period from the start of the response (recorded): proxies and clients see a sign of life
    even if the run sends nothing. Subclasses define the content. The headers leave with the first bytes, or after
    AT_ONCE: most runs are short, and their answer is then one write, without a task that listens to the client.
    """

    start_headers: ClassVar[RawHeaders]
    heartbeat: ClassVar[bytes]

    def __init__(
        self,
        follower: Follower,
        *,
        period: float,
        headers: Mapping[str, str],
        attachment: Attachment | None = None,
    ) -> None:
        self._follower = follower
        self._period = period
        self._headers = raw_headers(headers)
        self._attachment = attachment
        self._client_left = False

    @abstractmethod
    def render(self, events: Sequence[Event]) -> bytes:
        """The bytes for some events."""

    @abstractmethod
    async def last(self) -> bytes:
        """The bytes after the run has ended."""

    def start(self) -> Message:
        return {"type": "http.response.start", "status": 200, "headers": [*self.start_headers, *self._headers]}

    async def head(self, send: Send) -> None:
        self._follower.close()
        await super().head(send)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._attachment or nullcontext():
            await self._answer(receive, send)
        if self._client_left and self._attachment is not None:
            await self._attachment.left()

    async def _answer(self, receive: Receive, send: Send) -> None:
        loop, follower, started, body = asyncio.get_running_loop(), self._follower, False, b""
        timer = _Timer(loop, self._period, lambda: loop.create_task(self._listen(receive)), follower.nudge)
        try:
            while not follower.ended:
                body = self.render(await follower.next())
                body += timer.take_beats() * self.heartbeat
                if not started and (body or timer.is_late):
                    started = True
                    await send(self.start())
                if body and not follower.ended:
                    await send({"type": "http.response.body", "body": body, "more_body": True})
            if not started:
                started = True
                await send(self.start())
            # A stream that is broken off gets no proper end: so its client knows that there is more.
            over = not self._client_left and not follower.broken
            try:
                body += await self.last() if over else b""
            except StorageUnavailable as error:  # the run has ended: who asks again gets the rest
                log.warning("an answer is broken off", error=str(error))
                over = False
            await send({"type": "http.response.body", "body": body, "more_body": not over})
        except Exception:
            if not started:  # its run is committed: what follows must not be taken for a refusal
                await send(self.start())
            raise
        finally:
            timer.cancel()
            follower.close()

    async def _listen(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._client_left = True
        self._follower.close()


class Later(Following[R_co]):
    """A JSON document that is known when the run has ended; a newline now and then keeps the connection until then."""

    start_headers: ClassVar[RawHeaders] = [(b"content-type", JSON)]
    heartbeat = b"\n"

    def __init__(
        self,
        follower: Follower,
        body: Callable[[], Awaitable[bytes]],
        *,
        period: float,
        headers: Mapping[str, str],
        attachment: Attachment | None = None,
    ) -> None:
        super().__init__(follower, period=period, headers=headers, attachment=attachment)
        self._body = body

    def render(self, events: Sequence[Event]) -> bytes:
        return b""

    async def last(self) -> bytes:
        return await self._body()


class _Timer:
    """After AT_ONCE it begins to listen, and `nudge` is called; then every `period` seconds from the start, without
    drift, until it is cancelled.
    """

    __slots__ = ("_beats", "_handle", "_listen", "_listener", "_loop", "_next", "_nudge", "_period")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        period: float,
        listen: Callable[[], asyncio.Task[None]],
        nudge: Callable[[], None],
    ) -> None:
        self._loop, self._period, self._listen, self._nudge = loop, period, listen, nudge
        self._listener: asyncio.Task[None] | None = None
        self._beats = 0
        now = loop.time()
        self._next = now + period
        self._handle = loop.call_at(min(now + AT_ONCE, self._next), self._fire)

    @property
    def is_late(self) -> bool:
        """Whether AT_ONCE has passed."""
        return self._listener is not None

    def take_beats(self) -> int:
        """1 if a heartbeat is due, which is then taken; else 0."""
        due, self._beats = self._beats, 0
        return due

    def _fire(self) -> None:
        if self.is_late or self._period <= AT_ONCE:
            self._beats = 1
            self._next += self._period
        # Not left to the answer, which may hang in a write to a client that has stopped reading.
        self._listener = self._listener or self._listen()
        self._handle = self._loop.call_at(self._next, self._fire)
        self._nudge()

    def cancel(self) -> None:
        """Stop listening and calling."""
        self._handle.cancel()
        if self._listener is not None:
            self._listener.cancel()
