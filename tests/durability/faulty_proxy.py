"""A proxy on a bad day: it refuses some requests, drops some before the server sees them, and loses some answers."""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from typing import Any
from urllib.parse import urlsplit

LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
REFUSAL = (
    b"HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/html\r\nRetry-After: 0\r\n"
    b"Content-Length: 28\r\nConnection: close\r\n\r\n<h1>Service Unavailable</h1>"
)
DAY = tuple(fate for fault in ("refused", "dropped", "left", "lost", "cut") for fate in (fault, *["passed"] * 3))
"""What happens to one request after the other: `dropped` before the server has seen it, `left` while the server works
on it, `lost` with its whole answer, `cut` in the middle of it."""


class FaultyProxy:
    """Passes requests on to a server, each on a connection of its own; the server may be gone at times."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._fates = cycle(DAY)
        self._links: set[asyncio.Task[Any]] = set()
        self.url = ""
        self.happened: Counter[str] = Counter()
        """How often each thing happened; `gone` if the server was not there."""

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of a client, for one request."""
        link = asyncio.current_task()
        assert link is not None
        self._links.add(link)
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            head = await reader.readuntil(b"\r\n\r\n")
            length = LENGTH.search(head)
            body = await reader.readexactly(int(length[1]) if length else 0)
            fate = next(self._fates)
            if fate == "refused":
                writer.write(REFUSAL)
                await writer.drain()
            elif fate != "dropped":
                try:
                    await self._pass(head.replace(b"\r\n", b"\r\nConnection: close\r\n", 1) + body, fate, writer)
                except ConnectionError:
                    fate = "gone"
            self.happened[fate] += 1
        await _closed(writer)

    async def _pass(self, request: bytes, fate: str, writer: asyncio.StreamWriter) -> None:
        answer, server = await asyncio.open_connection(self._target.hostname, self._target.port)
        try:
            server.write(request)
            await server.drain()
            if fate == "left":
                return
            if fate == "passed":
                while part := await answer.read(65536):
                    writer.write(part)
                    await writer.drain()
                return
            whole = await answer.read()
            if fate == "cut":
                writer.write(whole[: len(whole) - 5])
                await writer.drain()
        finally:
            await _closed(server)

    async def ended(self) -> None:
        """Wait for the connections that are still there."""
        await asyncio.wait(self._links)


async def _closed(writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        writer.close()
        await writer.wait_closed()


@asynccontextmanager
async def faulty(target: str) -> AsyncIterator[FaultyProxy]:
    """A proxy to `target` until the block is left."""
    proxy = FaultyProxy(target)
    async with await asyncio.start_server(proxy.accept, "127.0.0.1", 0) as server:
        proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        yield proxy
        await proxy.ended()
