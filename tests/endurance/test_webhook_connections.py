"""Connections of attempts: each address of a host is tried, and a status counts as soon as it arrives."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress

import httpx
import pytest

from tests.live import DEADLINE, serving
from tests.web.calls import create
from tests.web.hook_receiver import HOOKED, receiving, until_delivery

FIRST = "127.0.0.8"
"""The address that the names of these tests lead to first; receivers listen at 127.0.0.1."""
TIMEOUT = 6.0
"""Seconds of an attempt."""


async def twofold(host: str, port: int) -> Sequence[str]:
    return [FIRST, "127.0.0.1"]


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with (
        serving(HOOKED, resolve=twofold, webhook_timeout=TIMEOUT) as live,
        live.client() as client,
    ):
        yield client


@contextmanager
def answering(address: str, port: int, answer: Callable[[socket.socket], None]) -> Iterator[int]:
    """Take connections there, and let `answer` handle each of them; the port."""
    with socket.create_server((address, port)) as server, ExitStack() as connections:

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection = connections.enter_context(server.accept()[0])
                    connection.recv(65536)
                    answer(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1]
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(DEADLINE)


def test_an_address_that_refuses_gives_way_to_the_next(http: httpx.Client) -> None:
    with receiving() as receiver:
        run_id = create(http, "simple", {"foo": 1}, webhook=f"http://two.test:{receiver.port}/")["run_id"]
        [attempt] = until_delivery(http, run_id, "delivered")["attempts"]
        assert attempt["status_code"] == 200 and len(receiver.received) == 1


def test_an_address_that_takes_no_connection_gives_way_in_time(http: httpx.Client) -> None:
    with receiving() as receiver, socket.socket() as full, ExitStack() as waiting:
        full.bind((FIRST, receiver.port))
        full.listen(0)
        for _ in range(4):  # connections beyond its backlog are not answered at all
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex((FIRST, receiver.port))
        run_id = create(http, "simple", {"foo": 1}, webhook=f"http://two.test:{receiver.port}/")["run_id"]
        [attempt] = until_delivery(http, run_id, "delivered")["attempts"]
        assert attempt["duration_ms"] > 450 * TIMEOUT, "half of the time is for the other address"


def test_an_address_that_makes_no_tls_connection_gives_way_in_time(http: httpx.Client) -> None:
    """Here the second address makes none either, but it is tried within the same timeout."""
    seen: list[bytes] = []
    with (
        answering("127.0.0.1", 0, lambda connection: seen.append(b"second")) as port,
        answering(FIRST, port, lambda connection: seen.append(b"first")),
    ):
        run_id = create(http, "simple", {"foo": 1}, webhook=f"https://two.test:{port}/")["run_id"]
        [attempt, *_] = until_delivery(http, run_id, "pending")["attempts"]
        assert attempt["error"] == f"no answer within {TIMEOUT:g} seconds"
        assert seen[:2] == [b"first", b"second"]


def test_what_was_sent_to_one_address_is_not_sent_to_the_next(http: httpx.Client) -> None:
    """A host that hangs up may have taken it: only another attempt sends it again."""
    with receiving() as receiver, answering(FIRST, receiver.port, lambda connection: connection.close()):
        run_id = create(http, "simple", {"foo": 1}, webhook=f"http://two.test:{receiver.port}/")["run_id"]
        [attempt, *_] = until_delivery(http, run_id, "pending")["attempts"]
        assert attempt["error"].startswith(("RemoteProtocolError", "ReadError")) and receiver.received == []


def test_a_status_counts_whatever_becomes_of_the_body(http: httpx.Client) -> None:
    """The status comes late, and the body drips on beyond the timeout."""
    gone = threading.Event()
    heard: list[None] = []

    def drip(connection: socket.socket) -> None:
        heard.append(None)
        gone.wait(TIMEOUT - 0.9)
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        with suppress(OSError):
            while not gone.wait(0.1):
                connection.sendall(b"1\r\nx\r\n")

    with answering(FIRST, 0, drip) as port:
        run_id = create(http, "simple", {"foo": 1}, webhook=f"http://two.test:{port}/")["run_id"]
        [attempt] = until_delivery(http, run_id, "delivered")["attempts"]
        assert attempt["status_code"] == 200 and attempt["duration_ms"] > 1000 * TIMEOUT and len(heard) == 1
        gone.set()


@pytest.mark.parametrize("ending", [b"", b"zz\r\n", b"5\r\nx"], ids=["none", "broken", "short"])
def test_a_status_counts_though_its_body_breaks_off(http: httpx.Client, ending: bytes) -> None:
    def answer(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + ending)
        connection.close()

    with answering(FIRST, 0, answer) as port:
        run_id = create(http, "simple", {"foo": 1}, webhook=f"http://two.test:{port}/")["run_id"]
        [attempt] = until_delivery(http, run_id, "delivered")["attempts"]
        assert attempt["status_code"] == 200
