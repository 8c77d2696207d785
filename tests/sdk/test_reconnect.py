"""After a broken connection, the SDK goes to `Location` and gets the events that it missed, each once."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client

from tests.live import LiveServer

pytestmark = pytest.mark.anyio


class BadLine:
    """A proxy that cuts each of its first connections after some bytes of the answer's body."""

    def __init__(self, url: str, cuts: list[int]) -> None:
        self._target = httpx.URL(url)
        self._cuts = cuts
        self.requests: list[bytes] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        self._thread = Thread(target=self._accept)
        self._thread.start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            with client, socket.create_connection((self._target.host, self._target.port)) as server:
                self._pass(client, server, self._cuts.pop(0) if self._cuts else None)

    def _pass(self, client: socket.socket, server: socket.socket, cut: int | None) -> None:
        request = b""
        while not _complete(request):
            part = client.recv(65536)
            if not part:
                return
            request += part
        self.requests.append(request)
        server.sendall(request.replace(b"Connection: keep-alive", b"Connection: close"))
        answer = b""
        while part := server.recv(65536):
            head = (answer + part).find(b"\r\n\r\n") + 4
            rest = part if cut is None or head < 4 else part[: head + cut - len(answer)]
            client.sendall(rest)
            answer += part
            if len(rest) < len(part) or (cut is not None and len(answer) == head + cut):
                return

    def close(self) -> None:
        """Take no more connections."""
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._thread.join(5)


def _complete(request: bytes) -> bool:
    head, blank, body = request.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
    return bool(blank) and len(body) >= (int(lengths[0].partition(b": ")[2]) if lengths else 0)


@contextmanager
def bad_line(server: LiveServer, *cuts: int) -> Iterator[BadLine]:
    """A line that breaks after `cuts` bytes of its first answers."""
    line = BadLine(server.url, list(cuts))
    yield line
    line.close()


GIVEN = {"count": 15, "size": 50, "pause": 0.001}
OPTIONS: dict[str, Any] = {"input": GIVEN, "stream_mode": "custom", "stream_resumable": True}


def check(line: BadLine, parts: list[Any], reconnects: int) -> None:
    """Every event came once, and each new request asked for the events after the last one."""
    assert [part.event for part in parts] == ["metadata", *["custom"] * 15]
    assert [part.id for part in parts] == [str(number) for number in range(1, 17)]
    first, *others = line.requests
    assert first.startswith(b"POST /runs/stream ")
    assert len(others) == reconnects
    for request in others:
        assert request.startswith(b"GET /runs/")
        assert b"\r\nlast-event-id: " in request.lower()


@pytest.mark.shows("stream_run", "stream_resumable")
@pytest.mark.shows("join_run_stream", "Last-Event-ID")
async def test_the_async_client_gets_every_event_once(server: LiveServer) -> None:
    """The line breaks inside the third event, and again."""
    with bad_line(server, 300, 500) as line:
        async with get_client(url=line.url) as client:
            parts = [part async for part in client.runs.stream(None, "pouring", **OPTIONS)]
        check(line, parts, 2)


def test_the_sync_client_gets_every_event_once(server: LiveServer) -> None:
    with bad_line(server, 300) as line:
        with get_sync_client(url=line.url) as client:
            parts = list(client.runs.stream(None, "pouring", **OPTIONS))
        check(line, parts, 1)


@pytest.mark.shows("join_thread_run", "200")
async def test_a_broken_wait_is_joined(server: LiveServer) -> None:
    """The answer breaks off after its headers; the outcome comes from `Location`."""
    with bad_line(server, 0) as line:
        async with get_client(url=line.url) as client:
            with pytest.warns(UserWarning, match="attempting reconnect to Location"):
                outcome = await client.runs.wait(None, "slow", input={"seconds": 0.1})
        assert outcome == {"seconds": 0.1, "done": True}
        assert [request.split()[0] for request in line.requests] == [b"POST", b"GET"]


async def test_a_stream_that_ends_well_costs_no_second_request(server: LiveServer) -> None:
    with bad_line(server) as line:
        async with get_client(url=line.url) as client:
            parts = [part async for part in client.runs.stream(None, "simple", input={"foo": 1})]
        assert len(parts) == 4
        assert len(line.requests) == 1
