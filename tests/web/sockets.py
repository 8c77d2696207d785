"""Bare connections, and clients that do not read."""

from __future__ import annotations

import json
import re
import socket

import httpx

from tests.live import DEADLINE, LiveServer

KB, MB = 1024, 1024 * 1024
PATIENT = 0.1
"""Seconds of a heartbeat; a client may keep the server waiting for twelve heartbeats."""


def dial(server: LiveServer) -> socket.socket:
    """A bare connection."""
    address = httpx.URL(server.url)
    return socket.create_connection((address.host, address.port), timeout=DEADLINE)


def rest(connection: socket.socket) -> bytes:
    """The bytes until the connection ends, however it ends."""
    received = b""
    try:
        while part := connection.recv(MB):
            received += part
    except ConnectionError:
        pass
    return received


class Unread:
    """A client that asks for a stream and reads nothing, until it is asked to."""

    def __init__(self, url: str, given: object, **fields: object) -> None:
        body = {"assistant_id": "laps", "input": given, "stream_mode": "updates", **fields}
        content = json.dumps(body).encode()
        address = httpx.URL(url)
        self.socket = socket.socket()
        # A small buffer: the events wait in the server and not in the machine.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KB)
        self.socket.connect((address.host, address.port))
        self.socket.settimeout(DEADLINE)
        head = f"POST /runs/stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(content)}\r\n\r\n"
        self.socket.sendall(head.encode() + content)

    def __enter__(self) -> Unread:
        return self

    def __exit__(self, *exception: object) -> None:
        self.socket.close()

    def run_id(self) -> str:
        """The id of its run, read from the headers alone."""
        found = re.search(rb"content-location: /runs/(\S+)", self.socket.recv(1000))
        assert found
        return found[1].decode()

    def read(self) -> tuple[int, bytes]:
        """The number of bytes until the end, and the last of them."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * MB)
        size, end = 0, b""
        while part := self.socket.recv(MB):
            size += len(part)
            end = (end + part)[-1000:]
        return size, end


class SlowReader:
    """Sends a request to stream a run, and reads nothing until asked to."""

    def __init__(self, url: str, body: object) -> None:
        content = json.dumps(body).encode()
        address = httpx.URL(url)
        self._socket = socket.create_connection((address.host, address.port))
        head = f"POST /runs/stream HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {len(content)}\r\n\r\n"
        self._socket.sendall(head.encode() + content)

    def read(self) -> bytes:
        """The whole response."""
        with self._socket as open_socket, open_socket.makefile("rb") as response:
            return response.read()
