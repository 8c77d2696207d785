"""A proxy that breaks connections after a given number of events: a line that is cut, for clients that reconnect."""

from __future__ import annotations

import asyncio
import re
import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from threading import Thread
from urllib.parse import urlsplit

from tests.live import DEADLINE

EVENT = re.compile(rb"event: [^\r\n]*\r\ndata: [^\r\n]*\r\n(?:id: [^\r\n]*\r\n)?\r\n")
"""One event on the wire, within a chunk of the body; a comment is none."""
RESUMED = re.compile(rb"GET (\S+) .*\r\nlast-event-id: ([^\r\n]*)\r\n", re.IGNORECASE | re.DOTALL)
RESET = struct.pack("ii", 1, 0)
"""SO_LINGER with no time to linger: closing sends RST and not FIN."""


@dataclass
class Line:
    """An address that leads to the server; its first connections are cut after so many events each."""

    url: str
    cuts: list[int]
    requests: list[bytes] = field(default_factory=list)
    """The heads of the requests that came in."""

    def resumed(self) -> list[tuple[str, str]]:
        """Path and `Last-Event-ID` of each request that has one."""
        found = [RESUMED.match(head) for head in self.requests]
        return [(each[1].decode(), each[2].decode()) for each in found if each]


class CuttingProxy:
    """Lines to one server, on an event loop in a thread of its own."""

    def __init__(self, target: str) -> None:
        self._target = urlsplit(target)
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="cutting-proxy")
        self._servers: list[asyncio.Server] = []
        self._links: set[asyncio.Task[None]] = set()

    def line(self, cuts: Sequence[int] = ()) -> Line:
        """A new line; `cuts` says after how many events its first connections break."""
        return asyncio.run_coroutine_threadsafe(self._open(list(cuts)), self._loop).result(DEADLINE)

    def start(self) -> None:
        """Begin to serve lines."""
        self._thread.start()

    def stop(self) -> None:
        """Close all lines."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(DEADLINE)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(DEADLINE)
        self._loop.close()

    async def _open(self, cuts: list[int]) -> Line:
        line = Line("", cuts)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            self._links.add(task)
            with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._link(line, reader, writer)
            writer.close()
            self._links.discard(task)

        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        self._servers.append(server)
        line.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        return line

    async def _link(self, line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut = line.cuts.pop(0) if line.cuts else None
        from_server, to_server = await asyncio.open_connection(self._target.hostname, self._target.port)
        requests = asyncio.ensure_future(_requests(line, reader, to_server))
        try:
            await _answers(from_server, writer, cut)
        finally:
            requests.cancel()
            to_server.close()

    async def _close(self) -> None:
        for server in self._servers:
            server.close()
        for link in self._links:
            link.cancel()
        if self._links:
            await asyncio.wait(self._links, timeout=2)


async def _requests(line: Line, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass requests on, and note their heads."""
    with suppress(ConnectionError, asyncio.IncompleteReadError):
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            line.requests.append(head)
            length = re.search(rb"\r\ncontent-length: (\d+)", head, re.IGNORECASE)
            writer.write(head + await reader.readexactly(int(length[1]) if length else 0))
    writer.close()


async def _answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, cut: int | None) -> None:
    """Pass answers on, up to the end of event number `cut`; then break the connection."""
    unseen = b""
    writer.transport.set_write_buffer_limits(0)  # `drain` waits until the system has taken all bytes
    while part := await reader.read(65536):
        unseen += part
        ends = [event.end() for event in EVENT.finditer(unseen)]
        if cut is not None and len(ends) >= cut:
            beyond = len(unseen) - ends[cut - 1]
            writer.write(part[: len(part) - beyond])
            await writer.drain()
            _reset(writer)
            return
        writer.write(part)
        await writer.drain()
        if cut is not None:
            cut -= len(ends)
            unseen = unseen[ends[-1] :] if ends else unseen
        else:
            unseen = b""


def _reset(writer: asyncio.StreamWriter) -> None:
    """Send RST: unsent bytes are lost, as on a line that breaks."""
    connection: socket.socket = writer.get_extra_info("socket")
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    writer.transport.abort()


@contextmanager
def cutting(target: str) -> Iterator[CuttingProxy]:
    """A proxy to `target` until the block is left."""
    proxy = CuttingProxy(target)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
