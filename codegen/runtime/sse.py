"""Server-sent events as typed iterators, over the generated request builders. Written by hand; copied here."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, Generic, ParamSpec

import httpx
from httpx_sse import EventSource, ServerSentEvent

from treadle_client.client import AuthenticatedClient, Client

P = ParamSpec("P")


class StreamError(Exception):
    """The server refused a stream; `status_code` and `detail` say why."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self.status_code = response.status_code
        self.detail = _detail(response)
        super().__init__(f"{self.status_code}: {self.detail}")


@dataclass(frozen=True, slots=True)
class Event:
    """One event of a run: its name, its data as JSON, and its id if the stream can be resumed."""

    event: str
    data: Any
    id: str | None


@dataclass(frozen=True, slots=True)
class EventStream:
    """The events of an open response, each as it arrives."""

    response: httpx.Response

    @property
    def run_id(self) -> str | None:
        """The id of the run, known before its first event."""
        return _run_id(self.response)

    def __iter__(self) -> Iterator[Event]:
        return map(_event, EventSource(self.response).iter_sse())


@dataclass(frozen=True, slots=True)
class AsyncEventStream:
    """The events of an open response, each as it arrives."""

    response: httpx.Response

    @property
    def run_id(self) -> str | None:
        """The id of the run, known before its first event."""
        return _run_id(self.response)

    async def __aiter__(self) -> AsyncIterator[Event]:
        async for event in EventSource(self.response).aiter_sse():
            yield _event(event)


class StreamOperation(Generic[P]):
    """An operation that answers with events; its arguments are those of the generated endpoint.

    The response is open within the `with` block; leaving the block closes the connection.
    """

    def __init__(self, request: Callable[P, dict[str, Any]]) -> None:
        self._request = request

    @contextmanager
    def sync(self, client: AuthenticatedClient | Client, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[EventStream]:
        """`with operation.sync(client, ...) as events: for event in events: ...`"""
        http = client.get_httpx_client()
        with http.stream(**_accepting_events(self._request(*args, **kwargs), http.timeout)) as response:
            if response.status_code != 200:
                response.read()
                raise StreamError(response)
            yield EventStream(response)

    @asynccontextmanager
    async def asyncio(
        self, client: AuthenticatedClient | Client, /, *args: P.args, **kwargs: P.kwargs
    ) -> AsyncIterator[AsyncEventStream]:
        """`async with operation.asyncio(client, ...) as events: async for event in events: ...`"""
        http = client.get_async_httpx_client()
        async with http.stream(**_accepting_events(self._request(*args, **kwargs), http.timeout)) as response:
            if response.status_code != 200:
                await response.aread()
                raise StreamError(response)
            yield AsyncEventStream(response)


def _accepting_events(request: dict[str, Any], timeout: httpx.Timeout) -> dict[str, Any]:
    headers = {**request.get("headers", {}), "Accept": "text/event-stream", "Cache-Control": "no-store"}
    # A node may think for longer than any read timeout.
    patient = httpx.Timeout(connect=timeout.connect, write=timeout.write, pool=timeout.pool, read=None)
    return {**request, "headers": headers, "timeout": patient}


def _event(event: ServerSentEvent) -> Event:
    return Event(event.event, json.loads(event.data) if event.data.strip() else None, event.id or None)


def _run_id(response: httpx.Response) -> str | None:
    parts = response.headers.get("content-location", "").split("/")
    return parts[parts.index("runs") + 1] if "runs" in parts[:-1] else None


def _detail(response: httpx.Response) -> str:
    try:
        body = response.json()
    except ValueError:
        return response.text
    return str(body["detail"]) if isinstance(body, dict) and "detail" in body else response.text
