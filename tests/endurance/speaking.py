"""HTTP/1.1 over bare sockets: a client so cheap that a crowd of them does not take the time that is measured."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ENDURANCE = Path(__file__).parent / "langgraph.json"
"""The graphs of these tests."""


@dataclass(frozen=True)
class Head:
    """Status and headers (by lower-case name) of an answer."""

    status: int
    headers: dict[str, str]

    @property
    def run_id(self) -> str:
        """The id of the answer's run."""
        return self.headers["content-location"].rpartition("/")[2]


class Speaker:
    """One kept connection: a request, its answer as it arrives, the next request."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._length: int | None = 0

    async def ask(self, method: str, path: str, body: object = None) -> Head:
        """Send a request; the answer before must have been read to its end."""
        content = b"" if body is None else json.dumps(body).encode()
        head = f"{method} {path} HTTP/1.1\r\nhost: x\r\ncontent-length: {len(content)}\r\n\r\n"
        self._writer.write(head.encode() + content)
        status, *lines = (await self._reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        self._length = None if "transfer-encoding" in headers else int(headers.get("content-length", 0))
        return Head(int(status.split()[1]), headers)

    async def parts(self) -> AsyncIterator[bytes]:
        """The answer's body, in the pieces that the server sent."""
        if self._length is not None:
            yield await self._reader.readexactly(self._length)
            return
        while size := int(await self._reader.readuntil(b"\r\n"), 16):
            yield (await self._reader.readexactly(size + 2))[:-2]
        await self._reader.readexactly(2)

    async def rest(self) -> bytes:
        """The rest of the answer's body."""
        return b"".join([part async for part in self.parts()])

    async def json(self, method: str, path: str, body: object = None) -> Any:
        """The document that a request is answered with, which has to be a 2xx."""
        head = await self.ask(method, path, body)
        content = await self.rest()
        assert 200 <= head.status < 300, (method, path, head.status, content)
        return json.loads(content) if content else None


@asynccontextmanager
async def speaking(url: str) -> AsyncIterator[Speaker]:
    """A connection to the server at `url`; leaving the block breaks it, whatever is under way."""
    address = urlsplit(url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    try:
        yield Speaker(reader, writer)
    finally:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
