"""Where a stream is, and how it goes on after its connection broke. It sends nothing itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

import httpx
import httpx_sse

from treadle_client.calls import Prepared, run_id_of
from treadle_client.errors import RunFailed, StreamBroken, UnexpectedAnswer, status_error
from treadle_client.events import Error, Event, read_event
from treadle_client.retries import BUSY, HOPELESS, NEVER_SENT, connection_error, pause

LAST_EVENT_ID: Final = "Last-Event-ID"
RECONNECTS: Final = 5
"""Attempts in a row that bring no event, before the stream is given up; more if `max_retries` is more."""
UNFINISHED: Final = ("pending", "running")
START: Final = "-1"
"""The `Last-Event-ID` of a stream from its first event on."""


@dataclass(slots=True)
class Course:
    """The progress of one stream."""

    prepared: Prepared[Any]
    openings: int
    """Attempts to open it, after the first."""
    reconnects: int
    """Attempts in a row to go on that may bring no event."""
    run_id: str | None = None
    last_event_id: str | None = None
    location: str | None = None
    attempt: int = 0
    """Attempts since the last event."""
    response: httpx.Response | None = field(default=None, init=False)
    """The latest answer."""
    failed: RunFailed | None = field(default=None, init=False)

    def request(self, base_url: httpx.URL) -> dict[str, Any]:
        """The request that brings the events after the last one."""
        request = self.prepared.request
        if self.location is not None and request["method"] != "get":
            # The run exists: a create that is sent again might make another on a server without idempotency keys.
            request = {"method": "get", "url": below(base_url, self.location), "headers": request["headers"].copy()}
            request["headers"].pop("Content-Type", None)
        headers = request["headers"].copy()
        headers.update({"Accept": "text/event-stream", "Cache-Control": "no-store"})
        if self.location is not None or self.last_event_id is not None:
            headers[LAST_EVENT_ID] = self.last_event_id or headers.get(LAST_EVENT_ID, START)
        return {**request, "headers": headers}

    def opened(self, response: httpx.Response) -> None:
        """Note the headers of an answer whose status is 200. Raises UnexpectedAnswer if it is no stream."""
        if not is_stream(response):
            kind = response.headers.get("content-type")
            raise UnexpectedAnswer(response, f"its type is {kind}, not text/event-stream: {response.text[:500]}")
        self.response = response
        self.run_id = self.run_id or run_id_of(response)
        self.location = response.headers.get("location") or self.location

    def receive(self, response: httpx.Response, event: httpx_sse.ServerSentEvent) -> Event:
        """The typed event. Raises UnexpectedAnswer if its data are not those of its kind."""
        self.attempt = 0
        self.last_event_id = event.id or self.last_event_id
        try:
            typed = read_event(event)
        except ValueError as error:
            raise UnexpectedAnswer(response, f"event {event.event}: {error}") from error
        if isinstance(typed, Error):
            self.failed = RunFailed(typed.data.error, typed.data.message, self.run_id)
        return typed

    def ended(self, response: httpx.Response, status: str | None) -> float | None:
        """Seconds before the next attempt after an answer that came to its end; None if the run has ended too.

        `status` is the run's; None if unknown. A proxy that lost the server may end its own answer as if it were whole.
        Raises RunFailed if the run failed, and StreamBroken if it goes on and the stream cannot.
        """
        if self.failed is not None:
            raise self.failed
        framed = "transfer-encoding" in response.headers or "content-length" in response.headers
        whole = framed or response.http_version == "HTTP/2" or self.attempt > 0 or not self._resumable
        if status not in UNFINISHED and (status is not None or whole):
            return None
        return self.broken(httpx.RemoteProtocolError("it ended before the run did"))

    @property
    def run_path(self) -> str | None:
        """Where the run is, below the client's URL; None if it is not known, or if the run has said how it ended."""
        if self.location is None or self.failed is not None:
            return None
        return self.location.partition("?")[0].removesuffix("/stream")

    def refused(self, response: httpx.Response) -> float:
        """Seconds before the next attempt after a status that is not 200. Raises the error if there is none."""
        error = status_error(response)
        if self.location is None:
            if response.status_code in BUSY and self.prepared.repeatable and self.attempt < self.openings:
                return self._next(response)
            raise error
        if response.status_code in BUSY and self.attempt < self.reconnects:
            return self._next(response)
        raise self._broken(f"the server does not continue it: {error}") from error

    def broken(self, error: httpx.RequestError) -> float:
        """Seconds before the next attempt after a lost connection. Raises the error if there is none."""
        if self.failed is not None:
            raise self.failed
        if self.location is None:
            again = (self.prepared.repeatable or isinstance(error, NEVER_SENT)) and not isinstance(error, HOPELESS)
            if again and self.attempt < self.openings:
                return self._next()
            raise connection_error(error) from error
        if not self._resumable:
            why = "its run is cancelled with the connection" if self.prepared.cancelling else "its events have no ids"
            raise self._broken(f"{why}; {connection_error(error)}") from error
        if self.attempt >= self.reconnects:
            raise self._broken(f"{self.attempt} attempts to go on brought nothing: {error!r}") from error
        return self._next()

    @property
    def _resumable(self) -> bool:
        numbered = self.last_event_id is not None or self.prepared.call.keyed or LAST_EVENT_ID in self._headers
        return numbered and not self.prepared.cancelling

    @property
    def _headers(self) -> httpx.Headers:
        headers: httpx.Headers = self.prepared.request["headers"]
        return headers

    def _next(self, response: httpx.Response | None = None) -> float:
        seconds = pause(self.attempt, response)
        self.attempt += 1
        return seconds

    def _broken(self, why: str) -> StreamBroken:
        return StreamBroken(why, run_id=self.run_id, last_event_id=self.last_event_id)


def is_stream(response: httpx.Response) -> bool:
    """Whether an answer has events."""
    return bool(response.headers.get("content-type", "").startswith("text/event-stream"))


def below(base_url: httpx.URL, location: str) -> str:
    """The path of a location, without the base path that the client puts before each path."""
    path = httpx.URL(location).raw_path.decode()
    base = base_url.raw_path.decode().rstrip("/")
    return path.removeprefix(base) if path.startswith(f"{base}/") else path
