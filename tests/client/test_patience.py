"""How long the client waits: as long as heartbeats come, and no longer."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread

import pytest

from tests.client.both import KINDS, client_of
from tests.live import LiveServer, serving
from treadle_client import APITimeoutError, StreamBroken

EITHER = pytest.mark.parametrize("kind", KINDS)
LENGTH = re.compile(rb"\r\ncontent-length: (\d+)", re.IGNORECASE)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
WHERE = b"Content-Location: /runs/r\r\nLocation: /runs/r/stream\r\n"
FIRST = b'event: metadata\r\ndata: {"run_id":"r","attempt":1}\r\nid: 1\r\n\r\n'
SECOND = b'event: values\r\ndata: {"foo":1}\r\nid: 2\r\n\r\n'


@pytest.fixture(scope="module")
def beating() -> Iterator[LiveServer]:
    """A server with ten heartbeats a second."""
    with serving(heartbeat=0.1) as live:
        yield live


def whole_request(connection: socket.socket) -> bytes:
    """The request with its body: closing a connection with unread bytes would break it off, and not end it."""
    with connection.makefile("rb") as reader:
        head = b""
        while (line := reader.readline()).strip():  # empty as well if the client has left
            head += line
        length = LENGTH.search(head)
        return head + line + reader.read(int(length[1]) if length else 0)


@contextmanager
def speaking(*answers: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server that gives each of these answers on a connection of its own; the last one stays open and silent."""
    requests: list[bytes] = []
    kept: list[socket.socket] = []
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        for number, answer in enumerate(answers, 1):
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            requests.append(whole_request(connection))
            connection.sendall(answer)
            if number < len(answers):
                connection.close()
            else:
                kept.append(connection)

    thread = Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", requests
    finally:
        listening.shutdown(socket.SHUT_RDWR)  # ends `accept`
        listening.close()
        thread.join()
        for connection in kept:
            connection.close()


@EITHER
def test_heartbeats_keep_a_quiet_answer(beating: LiveServer, kind: str) -> None:
    """The run takes longer than three heartbeats, and than the client's own limit."""
    with client_of(kind, beating.url, timeout=0.3, heartbeat=0.1, max_retries=0) as client:
        assert client.runs.wait("slow", input={"seconds": 0.8})["done"]
        assert client.runs.join(client.runs.create("slow", input={"seconds": 0.8}).run_id)["done"]
        assert client.runs.stream("slow", input={"seconds": 0.8}).output()["done"]


@EITHER
def test_a_connection_without_heartbeats_is_given_up(kind: str) -> None:
    silent = pytest.raises(APITimeoutError, match="ReadTimeout")
    with speaking(b"") as (url, _), client_of(kind, url, heartbeat=0.1, max_retries=0) as client, silent:
        client.runs.wait("simple")
    answer = HEAD + WHERE + b"\r\n" + FIRST
    with speaking(answer) as (url, _), client_of(kind, url, heartbeat=0.1, max_retries=0) as client:
        with pytest.raises(StreamBroken, match="after event 1") as caught:
            client.runs.stream("simple").output()
        assert (caught.value.run_id, caught.value.last_event_id) == ("r", "1")


def whole(*events: bytes) -> bytes:
    """A stream that ends as if it were whole."""
    body = b"".join(events)
    return HEAD + WHERE + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


def json_answer(document: bytes) -> bytes:
    """An answer with this document."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
    return head + b"Content-Length: %d\r\n\r\n%s" % (len(document), document)


RUNNING, ENDED = json_answer(b'{"status":"running"}'), json_answer(b'{"status":"success"}')
UNFRAMED = HEAD.replace(b"1.1", b"1.0") + WHERE + b"\r\n" + FIRST


@EITHER
@pytest.mark.parametrize("cut", [UNFRAMED, whole(FIRST)], ids=["without a length", "framed anew"])
def test_a_clean_end_is_not_taken_for_the_end_of_a_run_that_goes_on(kind: str, cut: bytes) -> None:
    """A proxy that lost the server may end its own answer as if it were whole."""
    answers = cut, RUNNING, whole(SECOND), ENDED, b""
    with speaking(*answers) as (url, requests), client_of(kind, url, heartbeat=1) as client:
        assert client.runs.stream("simple").output() == {"foo": 1}
    assert [request.split()[1] for request in requests[:3]] == [b"/runs/stream", b"/runs/r", b"/runs/r/stream"]
    assert b"\r\nlast-event-id: 1\r\n" in requests[2].lower()


@EITHER
def test_a_wait_whose_answer_is_cut_cleanly_is_sent_again(kind: str) -> None:
    answers = json_answer(b"\n\n"), json_answer(b'{"foo":'), json_answer(b'{"foo": 1}'), b""
    with speaking(*answers) as (url, requests), client_of(kind, url) as client:
        assert client.runs.wait("simple") == {"foo": 1}
    keys = {line for request in requests for line in request.split(b"\r\n") if line.lower().startswith(b"idempotency")}
    assert (len(requests), len(keys)) == (3, 1)


@EITHER
def test_a_run_that_its_client_cancels_by_leaving_is_not_asked_for_again(kind: str) -> None:
    cut = HEAD + WHERE + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(FIRST), FIRST)
    with speaking(cut, b"") as (url, requests), client_of(kind, url) as client:
        stream = client.runs.stream("simple", on_disconnect="cancel")
        with pytest.raises(StreamBroken, match="its run is cancelled with the connection"):
            stream.output()
        with pytest.raises(StreamBroken):  # and not an empty end
            stream.output()
    assert len(requests) == 1


@EITHER
def test_a_stream_that_cannot_go_on_says_why(kind: str) -> None:
    """As on the official server: the stream names a location that leads nowhere."""
    gone = (
        b'HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: 22\r\n\r\n{"detail":"Not Found"}'
    )
    cut = HEAD + WHERE + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(FIRST), FIRST)
    broken = pytest.raises(StreamBroken, match="the server does not continue it: 404: Not Found")
    with speaking(cut, gone, b"") as (url, _), client_of(kind, url) as client, broken:
        client.runs.stream("simple").output()
