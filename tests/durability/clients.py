"""Requests to the servers of these tests, and streams that are read until they end or break off."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from tests.cli.processes import Serving
from tests.durability.load import Event
from tests.live import DEADLINE, sse, until


@contextmanager
def client(server: Serving) -> Iterator[httpx.Client]:
    """A client of a server."""
    with httpx.Client(base_url=server.url, timeout=DEADLINE) as http:
        yield http


def create(http: httpx.Client, body: dict[str, Any]) -> str:
    """The id of a new background run."""
    reply = http.post("/runs", json=body)
    assert reply.is_success, reply.text
    run_id: str = reply.json()["run_id"]
    return run_id


def get(http: httpx.Client, run_id: str) -> dict[str, Any]:
    """The run."""
    reply = http.get(f"/runs/{run_id}")
    assert reply.is_success, reply.text
    run: dict[str, Any] = reply.json()
    return run


def ended(http: httpx.Client, run_id: str) -> dict[str, Any]:
    """The run at its end."""

    def look() -> dict[str, Any] | None:
        run = get(http, run_id)
        return None if run["status"] in ("pending", "running") else run

    return until(look)


def running(http: httpx.Client, run_id: str) -> dict[str, Any]:
    """The run, as soon as it runs."""

    def look() -> dict[str, Any] | None:
        run = get(http, run_id)
        return run if run["status"] == "running" else None

    return until(look)


class Reading:
    """A stream that is being read."""

    def __init__(self, reply: httpx.Response) -> None:
        self._parts = reply.iter_raw()
        self._unread = b""
        self.events: list[Event] = []

    def some(self, count: int) -> list[Event]:
        """Read until there are so many events."""
        while len(self.events) < count:
            self._take(next(self._parts))
        return self.events

    def rest(self) -> list[Event]:
        """Read to the proper end of the stream."""
        for part in self._parts:
            self._take(part)
        assert self._unread == b""
        return self.events

    def broken(self) -> list[Event]:
        """Read until the stream breaks off; a proper end fails."""
        try:
            self.rest()
        except httpx.TransportError:
            return self.events
        raise AssertionError(f"a proper end after {self.events}")

    def _take(self, part: bytes) -> None:
        whole, found, self._unread = (self._unread + part).rpartition(b"\r\n\r\n")
        self.events += sse(whole + found) if found else []


@contextmanager
def streaming(http: httpx.Client, body: dict[str, Any]) -> Iterator[tuple[str, Reading]]:
    """A new run's id, and its stream."""
    with http.stream("POST", "/runs/stream", json=body) as reply:
        assert reply.status_code == 200
        yield reply.headers["content-location"].rpartition("/")[2], Reading(reply)


@contextmanager
def joining(http: httpx.Client, run_id: str, after: str | None = None) -> Iterator[Reading]:
    """The stream of a run: from now on, or after an event."""
    headers = {} if after is None else {"last-event-id": after}
    with http.stream("GET", f"/runs/{run_id}/stream", headers=headers) as reply:
        assert reply.status_code == 200
        yield Reading(reply)


def ids(events: list[Event]) -> list[str | None]:
    """The numbers of events."""
    return [number for _, _, number in events]


def numbered(last: int) -> list[str]:
    """The ids of a stream with so many events."""
    return [str(number) for number in range(1, last + 1)]
