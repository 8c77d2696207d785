"""Connections of clients that send no whole request, send too much, or do not read the answer."""

from __future__ import annotations

import re
import socket
from contextlib import closing
from http.client import HTTPConnection
from threading import Event
from time import monotonic

import httpx
import pytest

from tests.live import DEADLINE, LiveServer, serving, until
from tests.web.calls import wait
from tests.web.sockets import KB, MB, PATIENT, Unread, dial, rest


def is_held(server: LiveServer, connection: socket.socket) -> bool:
    """Whether the server has this connection, too."""
    return any(each.client == connection.getsockname() for each in list(server.connections))


@pytest.mark.parametrize("head", [b"x-many: %s\r\n" % (b"x" * 1000), b"a" * 1000])
def test_a_head_that_does_not_end_is_refused(server: LiveServer, http: httpx.Client, head: bytes) -> None:
    first = b"POST /runs HTTP/1.1\r\nhost: x\r\n" if b":" in head else b"GET /"
    with closing(dial(server)) as connection:
        connection.sendall(first)
        for _ in range(64 * 1024 // len(head) + 1):
            connection.sendall(head)
        answer = rest(connection)
    assert answer.startswith(b"HTTP/1.1 431 ")
    limit = "the request line and headers have more than 65536 bytes, which is the limit whatever the settings"
    assert f'{{"detail":"{limit}"}}'.encode() in answer
    assert http.get("/ok").status_code == 200


def test_a_large_head_that_ends_is_read(http: httpx.Client) -> None:
    headers = {f"x-{number}": "x" * 1000 for number in range(50)}
    assert wait(http, "simple", {"foo": 1})["foo"] == 1
    assert http.get("/ok", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        (b"", b""),
        (b"POST /runs HTT", b"HTTP/1.1 408 "),
        (b"POST /runs HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{", b"HTTP/1.1 408 "),
    ],
    ids=["nothing", "half a line", "half a body"],
)
def test_a_request_that_does_not_come_is_not_waited_for_any_longer(said: bytes, answer: bytes) -> None:
    with serving(heartbeat=PATIENT) as live:
        started = monotonic()
        with closing(dial(live)) as connection:
            connection.sendall(said)
            assert rest(connection)[: len(answer) or None] == answer
            assert monotonic() - started > 1


def test_an_idle_connection_outlives_what_clients_keep_of_it(server: LiveServer) -> None:
    """Python's client keeps one for five seconds; if the server closed first, a request could be on its way."""
    address = httpx.URL(server.url)
    with closing(HTTPConnection(address.host, address.port, timeout=DEADLINE)) as connection:
        for pause in (0, 6):
            Event().wait(pause)
            connection.request("GET", "/ok")  # refused by `http.client` where the server has closed
            assert b'"ok":true' in connection.getresponse().read()


def test_a_body_that_comes_slowly_is_waited_for() -> None:
    body = b'{"assistant_id": "simple", "input": {"foo": 1}}'
    with serving(heartbeat=PATIENT) as live, closing(dial(live)) as connection:
        connection.sendall(b"POST /runs/wait HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 47\r\n\r\n")
        for number in range(len(body)):
            Event().wait(0.05)
            connection.sendall(body[number : number + 1])
        assert b'"foo":1' in rest(connection)


def test_an_answer_that_is_not_taken_is_not_held_for_ever() -> None:
    with serving(heartbeat=5 * PATIENT) as live, live.client() as http:
        body = {"assistant_id": "laps", "input": {"count": 100, "size": 256 * KB}, "stream_mode": "updates"}
        run_id = http.post("/runs", json={**body, "metadata": {"large": "x" * 20 * MB}}).json()["run_id"]
        until(lambda: http.get(f"/runs/{run_id}/join"))
        with closing(socket.socket()) as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * KB)
            address = httpx.URL(live.url)
            connection.connect((address.host, address.port))
            connection.settimeout(DEADLINE)
            connection.sendall(f"GET /runs/{run_id} HTTP/1.1\r\nhost: x\r\n\r\n".encode())
            # The server drops the connection: closing it would wait for a client that reads nothing.
            until(lambda: is_held(live, connection))
            until(lambda: not is_held(live, connection))
            assert len(rest(connection)) < 10 * MB
        assert http.get(f"/runs/{run_id}").status_code == 200


def test_who_reads_very_slowly_all_the_time_is_not_cut_off() -> None:
    """20 KB a second, for longer than a client may read nothing at all."""
    request = {"count": 20, "size": 256 * KB}
    with serving(heartbeat=0.5) as live, Unread(live.url, request) as it:
        started, size, pace = monotonic(), 0, Event()
        while monotonic() - started < 15:
            size += len(it.socket.recv(2 * KB))
            pace.wait(0.1)
        assert size < MB
        total, end = it.read()
        assert size + total > 5 * MB
        assert end.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("cut", [None, 40, 200])
@pytest.mark.parametrize("framing", ["content-length: {length}", "transfer-encoding: chunked"])
def test_a_request_that_asks_for_another_protocol_keeps_its_body(
    server: LiveServer, framing: str, cut: int | None
) -> None:
    """As HTTP clients of Java send it, in one piece or two; the next request on the connection is read as well."""
    body = b'{"assistant_id":"simple","input":{"foo":1}}'
    chunked = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    head = (
        "POST /runs/wait HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\nhost: x\r\nHTTP2-Settings: AAEAAEAAAA\r\n"
    )
    head += f"Upgrade: h2c\r\n{framing.format(length=len(body))}\r\n\r\n"
    request = head.encode() + (chunked if "chunked" in framing else body)
    with closing(dial(server)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in (
            request[:cut],
            request[cut:] if cut else b"",
            b"GET /ok HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n",
        ):
            connection.sendall(part)
        answers = rest(connection)
    assert answers.count(b"HTTP/1.1 200 OK") == 2
    assert b'"foo":1' in answers
    assert b'{"ok":true' in answers


def upgrade(path: bytes, *headers: bytes) -> bytes:
    """A request that asks for another protocol."""
    asking = b"GET %s HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n" % path
    return asking + b"".join(b"%s\r\n" % header for header in headers) + b"\r\n"


LAST = b"GET /info HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def statuses(server: LiveServer, *parts: bytes) -> list[bytes]:
    """The statuses of the answers to what is sent, part by part."""
    with closing(dial(server)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for part in parts:
            connection.sendall(part)
        return re.findall(rb"HTTP/1\.1 (\d+)", rest(connection))


@pytest.mark.parametrize("number", [2, 500, 5000])
@pytest.mark.parametrize("asking", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"])
def test_many_requests_may_follow_each_other(server: LiveServer, asking: bytes, number: int) -> None:
    """More bytes than a head may have, at once."""
    request = b"GET /ok HTTP/1.1\r\nHost: x\r\n%s\r\n" % asking
    assert statuses(server, request * number + LAST) == [b"200"] * (number + 1)


@pytest.mark.parametrize("cut", [1, 30, 60, 90, 120])
def test_requests_for_another_protocol_may_be_cut_anywhere(server: LiveServer, cut: int) -> None:
    requests = upgrade(b"/ok") * 3 + LAST
    assert statuses(server, requests[:cut], requests[cut:]) == [b"200"] * 4


def test_no_request_hides_in_a_header(server: LiveServer) -> None:
    """Whatever the lengths of the headers that are left out: only what every proxy sees as a request is one."""
    hidden = b"X-Note: GET /no/such/path HTTP/1.1"
    for length in range(150):
        first = upgrade(b"/ok").replace(b"h2c", b"h" * (length + 1))
        assert statuses(server, first + upgrade(b"/ok", hidden) + LAST) == [b"200"] * 3
