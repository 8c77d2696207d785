"""Clients' connections: what they may send before anything is known of them, and how long they may take nothing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from time import monotonic, process_time, sleep
from typing import Any, Final, cast

import httptools
import structlog
import uvicorn
from starlette.types import ASGIApp, Scope
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from treadle.encoding import encode
from treadle.web.refusals import note_refusal

MOST_HEAD = 64 * 1024
"""Bytes of a request line with its headers; beyond them 431."""
# Ticks of uvicorn, which are tenths of a second, between two looks at the connections.
LOOK_EVERY = 5
_REASONS: Final = {400: "Bad Request", 408: "Request Timeout", 431: "Request Header Fields Too Large"}
# Seconds for which an idle connection is kept. Clients and proxies close theirs after 5 to 60 seconds; if the server is
# first, a request may be on its way, and is lost.
KEEP_ALIVE = 75
# Seconds between two connections of a burst, at most.
BURST = 0.01
# Seconds of CPU time in which nodes have computed, and seconds for which the process then gives way to no other one.
MOMENT, RESPITE = 0.0005, 0.1
log = structlog.get_logger("treadle.web")


class Connection(HttpToolsProtocol):
    """One client's connection. Its server looks at it now and then, which costs a request nothing."""

    _head_bytes = 0
    _head_since: float | None = None
    """Since when a request line and headers are awaited."""
    _has_ended_one = False
    """Whether a request has ended in the bytes that are being parsed."""
    _body_since: float | None = None
    """Since when more of a body is awaited."""
    _untaken = 0
    """Bytes that waited for the client at the last look."""
    _untaken_since = 0.0
    _resumed = False
    _received = b""
    """The bytes that are being parsed."""
    _again: bytes | None = None
    """The bytes that are to be parsed next: the same, from a request on that asks for another protocol."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._head_since = monotonic()

    def data_received(self, data: bytes) -> None:
        self._has_ended_one = False
        following: bytes | None = data
        while following is not None:
            self._received, self._again = following, None
            super().data_received(following)
            following = self._again
        self._received = b""
        if self._head_since is not None:
            if not self._has_ended_one:  # otherwise most of the bytes are those of requests before
                self._head_bytes += len(data)
            if self._head_bytes > MOST_HEAD:
                fault = f"the request line and headers have more than {MOST_HEAD} bytes"
                self._refuse(431, f"{fault}, which is the limit whatever the settings")
        elif self._body_since is not None:
            self._body_since = monotonic()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head_bytes, self._head_since = 0, monotonic()

    def on_headers_complete(self) -> None:
        self._head_since, self._body_since = None, monotonic()
        if not self._asks_for_another_protocol():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._body_since, self._has_ended_one = None, True
        if not self._asks_for_another_protocol():
            super().on_message_complete()

    def resume_writing(self) -> None:
        self._resumed = True
        super().resume_writing()

    def look(self, now: float, patience: float) -> None:
        """Cut off a client that reads nothing, or does not complete its request, for `patience` seconds."""
        untaken = self.transport.get_write_buffer_size()
        if not untaken or untaken < self._untaken or not self._untaken or self._resumed:
            self._untaken_since = now
        elif now - self._untaken_since > patience:
            log.warning("a client that has stopped reading was cut off", path=self.scope and self.scope["path"])
            # Not closed: that would wait until it has taken the rest.
            self.transport.abort()
            return
        self._untaken, self._resumed = untaken, False
        awaited = self._head_since if self._body_since is None or self.flow.read_paused else self._body_since
        if awaited is None or now - awaited <= patience:
            return
        if self._head_since is not None and not self._head_bytes:
            # Nobody has asked anything: an answer would be taken for that of a request which comes right now.
            self.transport.close()
        else:
            self._refuse(408, f"the request did not come within {patience:g} seconds, twelve times HEARTBEAT_SECONDS")

    def _asks_for_another_protocol(self) -> bool:
        return self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"

    def _unsupported_upgrade_warning(self) -> None:
        """Go on with HTTP, as a server may that is asked to change over to another protocol.

        The parser takes what follows the headers for the other protocol. Another one gets the same request without its
        wish, and then reads its body: HTTP clients of Java ask so with every first request.
        """
        if not self._asks_for_another_protocol():
            return
        upgrade = cast(httptools.HttpParserUpgrade, sys.exc_info()[1])
        following = self._received[upgrade.args[0] :]
        line = b"%s %s HTTP/%s\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        headers = [b"%s: %s\r\n" % header for header in self.headers if header[0] not in (b"connection", b"upgrade")]
        if not self.parser.should_keep_alive():
            headers.append(b"connection: close\r\n")
        self.parser = httptools.HttpRequestParser(self)
        self._again = b"".join([line, *headers, b"\r\n", following])

    def send_400_response(self, msg: str) -> None:
        """Answer a request that is not valid HTTP with the JSON body of every failure."""
        self._answer(400, msg)

    def _refuse(self, status: int, detail: str) -> None:
        scope = cast(Scope, self.scope) if self._head_since is None else None
        note_refusal(scope, status, detail)
        self._answer(status, detail)

    def _answer(self, status: int, detail: str) -> None:
        body = encode({"detail": detail})
        head = f"HTTP/1.1 {status} {_REASONS[status]}\r\ncontent-type: application/json\r\n"
        head += f"content-length: {len(body)}\r\nconnection: close\r\n\r\n"
        self.transport.write(head.encode() + body)
        self.transport.close()
        self._head_since = self._body_since = None


class Sharing:
    """Leaves other processes their part of the connections that come at once to a port.

    All processes are woken for them, and the one that is first often takes them all, and then serves them alone. So it
    gives the processor away after each, for some 50 us. It stops that for a while if its own nodes computed meanwhile:
    they do not give the interpreter back at once, and this process is the slower one anyway.
    """

    def __init__(self) -> None:
        self._came_at = self._not_before = 0.0

    def accepted(self) -> None:
        """Take note of a connection, and give way if it belongs to a burst."""
        now = monotonic()
        if now - self._came_at < BURST and now > self._not_before:
            used = process_time()
            sleep(1e-9)
            now = monotonic()
            if process_time() - used > MOMENT:
                self._not_before = now + RESPITE
        self._came_at = now


class SharedConnection(Connection):
    """A connection of a port that other processes share."""

    def __init__(self, sharing: Sharing, **options: Any) -> None:
        super().__init__(**options)
        self._sharing = sharing

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._sharing.accepted()
        super().connection_made(transport)


class Server(uvicorn.Server):
    """uvicorn with such connections, without its signal handlers: they raise a signal again while runs still end."""

    def __init__(self, application: ASGIApp, *, patience: float, last_answers: int, shares_port: bool = False) -> None:
        """Clients may keep the server waiting for `patience` seconds, and have `last_answers` seconds at its end."""
        super().__init__(
            uvicorn.Config(
                application,
                http=cast(Any, partial(SharedConnection, Sharing())) if shares_port else Connection,
                ws="none",
                proxy_headers=False,  # treadle.web.proxies reads them
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=last_answers,
                timeout_keep_alive=KEEP_ALIVE,
            )
        )
        self._patience = patience

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def on_tick(self, counter: int) -> bool:
        if counter % LOOK_EVERY == 0:
            now = monotonic()
            for connection in list(self.server_state.connections):
                if isinstance(connection, Connection):
                    connection.look(now, self._patience)
        return await super().on_tick(counter)
