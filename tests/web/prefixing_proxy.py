"""A reverse proxy that serves a server under a path, which it takes off or passes on; it can break connections."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Thread

import httpx

PREFIX = "/agents"
NOT_HERE = b"HTTP/1.1 404 Not Found\r\ncontent-length: 14\r\nconnection: close\r\n\r\nnot the server"


@dataclass
class PrefixingProxy:
    """Serves `target` under `PREFIX`, and nothing else."""

    target: httpx.URL
    strips: bool
    headers: Sequence[tuple[str, str]]
    cuts: list[int]
    """After how many bytes of the answer's body the first connections break."""
    paths: list[str] = field(default_factory=list)
    """The paths that clients asked for."""

    def __post_init__(self) -> None:
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.origin = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self.url = self.origin + PREFIX
        Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            request = _received(client)
            if not request:
                return
            method, path, rest = request.split(b" ", 2)
            self.paths.append(path.decode())
            if not path.startswith(f"{PREFIX}/".encode()):
                client.sendall(NOT_HERE)
                return
            passed = path[len(PREFIX) :] if self.strips else path
            line, _, following = rest.partition(b"\r\n")
            added = "".join(f"{name}: {value}\r\n" for name, value in self.headers) + "connection: close\r\n"
            following = following.replace(b"Connection: keep-alive\r\n", b"").replace(
                b"connection: keep-alive\r\n", b""
            )
            with socket.create_connection((self.target.host, self.target.port or 80)) as server:
                server.sendall(b"%b %b %b\r\n" % (method, passed, line) + added.encode("latin-1") + following)
                self._answer(server, client, self.cuts.pop(0) if self.cuts else None)

    def _answer(self, server: socket.socket, client: socket.socket, cut: int | None) -> None:
        answer = b""
        while part := server.recv(65536):
            body = (answer + part).find(b"\r\n\r\n") + 4
            rest = part if cut is None or body < 4 else part[: max(body + cut - len(answer), 0)]
            try:
                client.sendall(rest)
            except OSError:
                return
            answer += part
            if len(rest) < len(part):
                return


def _received(client: socket.socket) -> bytes:
    """One request, whole."""
    request = b""
    while True:
        head, end, body = request.partition(b"\r\n\r\n")
        lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if end and len(body) >= (int(lengths[0].partition(b":")[2]) if lengths else 0):
            return request
        part = client.recv(65536)
        if not part:
            return b""
        request += part


@contextmanager
def prefixing(
    target: str, *, strips: bool, headers: Sequence[tuple[str, str]] = (), cuts: Sequence[int] = ()
) -> Iterator[PrefixingProxy]:
    """A proxy to `target` that adds `headers`, until the block is left."""
    proxy = PrefixingProxy(httpx.URL(target), strips, headers, list(cuts))
    try:
        yield proxy
    finally:
        proxy.close()
