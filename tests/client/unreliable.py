"""A line on which requests get lost, and a gateway that answers in place of the server."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import httpx

from tests.client.both import client_of
from treadle_client import Treadle

Fault = Literal["lost on the way", "answer lost", "answer cut", "busy", "gateway", "page"] | None
PAGE = "<html><body><h1>502 Bad Gateway</h1></body></html>"


class Line:
    """The faults of the next requests, and what reached the server."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = list(faults)
        self.reached: list[httpx.Request] = []
        self.tried: list[httpx.Request] = []

    def before(self, request: httpx.Request) -> tuple[Fault, httpx.Response | None]:
        """The fault of this request, and the answer that the server does not give."""
        self.tried.append(request)
        fault = self.faults.pop(0) if self.faults else None
        if fault == "lost on the way":
            raise httpx.ConnectError("lost", request=request)
        if fault == "busy":
            return fault, httpx.Response(503, headers={"retry-after": "0"}, json={"detail": "shutting down"})
        if fault in ("gateway", "page"):
            return fault, httpx.Response(502 if fault == "gateway" else 413, headers={"retry-after": "0"}, text=PAGE)
        self.reached.append(request)
        return fault, None

    @staticmethod
    def after(fault: Fault, request: httpx.Request) -> None:
        """Lose the answer."""
        if fault == "answer lost":
            raise httpx.ReadError("reset", request=request)
        if fault == "answer cut":
            raise httpx.RemoteProtocolError("peer closed connection", request=request)


class UnreliableTransport(httpx.HTTPTransport):
    """For threads."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, or not."""
        fault, answer = self._line.before(request)
        answer = answer or super().handle_request(request)
        if fault in ("answer lost", "answer cut"):
            answer.read()
            self._line.after(fault, request)
        return answer


class AsyncUnreliableTransport(httpx.AsyncHTTPTransport):
    """For coroutines."""

    def __init__(self, line: Line) -> None:
        super().__init__()
        self._line = line

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send it, or not."""
        fault, answer = self._line.before(request)
        answer = answer or await super().handle_async_request(request)
        if fault in ("answer lost", "answer cut"):
            await answer.aread()
            self._line.after(fault, request)
        return answer


@contextmanager
def unreliable(kind: str, url: str, line: Line, **options: int) -> Iterator[Treadle]:
    """A client whose requests go through the line."""
    if kind == "sync":
        with (
            httpx.Client(base_url=url, transport=UnreliableTransport(line)) as own,
            client_of(kind, url, http_client=own, **options) as client,
        ):
            yield client
        return
    own_async = httpx.AsyncClient(base_url=url, transport=AsyncUnreliableTransport(line))
    with client_of(kind, url, http_client=own_async, **options) as client:
        yield client
        client._portal.call(own_async.aclose)  # type: ignore[attr-defined]
