"""Clients that do not read: they cost little memory and no other client's time, however much there is for them."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from time import monotonic
from typing import Any

import httpx
import pytest

from tests.cli.processes import Serving, serve
from tests.live import DEADLINE, GRAPHS, STORE, serving, until
from tests.web.calls import ended, wait
from tests.web.sockets import KB, MB, Unread

GIGABYTE = {"count": 4096, "size": 256 * KB}
"""Input of `laps`: so many steps with so many characters each."""


@contextmanager
def warmed_up(**variables: str) -> Iterator[Serving]:
    """A server in a process of its own, which has served a while."""
    if STORE == "memory":
        variables["DATABASE_URI"] = "memory://"
    with serve("--port", "0", config=GRAPHS, **variables) as running:
        with httpx.Client(base_url=running.url, timeout=DEADLINE) as http:
            for _ in range(50):
                wait(http, "laps", {"count": 2, "size": 64 * KB}, stream_mode="updates")
        yield running


@pytest.fixture
def process() -> Iterator[Serving]:
    """Such a server, as it is by default."""
    with warmed_up() as running:
        yield running


def resident(process: Serving) -> int:
    """Bytes of memory that a process has."""
    status = Path(f"/proc/{process.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    assert found
    return int(found[1]) * KB


def serves(http: httpx.Client) -> None:
    """See that others are served."""
    for number in range(60):
        assert wait(http, "simple", {"foo": number})["foo"] == number
        assert http.get("/ok").status_code == 200


def test_a_gigabyte_for_a_client_that_reads_nothing(process: Serving) -> None:
    """Only its own run waits for it; in the end the client gets every byte."""
    with httpx.Client(base_url=process.url, timeout=DEADLINE) as http:
        serves(http)
        size = resident(process)
        with Unread(process.url, GIGABYTE) as client:
            until(lambda: resident(process) - size > 10 * MB)
            serves(http)
            assert resident(process) - size < 64 * MB
            total, end = client.read()
            assert total > 1024 * MB
            assert end.endswith(b"0\r\n\r\n")
        assert resident(process) - size < 100 * MB


def test_two_hundred_clients_that_never_read(process: Serving) -> None:
    """There are more than 40 MB for most of them; their runs wait, in slots of their own."""
    with httpx.Client(base_url=process.url, timeout=DEADLINE) as http, ExitStack() as opened:
        serves(http)
        size = resident(process)
        for number in range(200):
            count = 160 if number < 90 else 4
            opened.enter_context(Unread(process.url, {"count": count, "size": 256 * KB}))
        serves(http)
        assert resident(process) - size < 500 * MB


def test_two_hundred_clients_that_never_read_when_each_of_their_runs_wants_a_slot() -> None:
    """There are more of them than slots: one that reads nothing while others wait is cut off, and its run goes on."""
    with ExitStack() as opened:
        # The server counts heartbeats to find clients that are gone. Here they are so rare that none comes in the test.
        process = opened.enter_context(warmed_up(EVENT_BUFFER_BYTES=str(MB), HEARTBEAT_SECONDS=str(DEADLINE)))
        http = opened.enter_context(httpx.Client(base_url=process.url, timeout=DEADLINE))
        serves(http)
        size = resident(process)
        for _ in range(200):
            opened.enter_context(Unread(process.url, {"count": 32, "size": 256 * KB}))
        serves(http)
        assert resident(process) - size < 500 * MB


def test_what_ends_unread_counts_as_well() -> None:
    """Runs whose events fit into their buffers end; the events stay for clients that may never read them."""
    # Heartbeats as above: no client is cut off, however long it takes until all have begun.
    with serving(event_buffer_bytes=4 * MB, concurrency=300, heartbeat=DEADLINE) as live, ExitStack() as opened:
        log: Any = live.services.storage.events
        budget = getattr(log, "_here", log)._budget
        for _ in range(60):
            opened.enter_context(Unread(live.url, {"count": 28, "size": 256 * KB}))
        with live.client() as http:
            until(lambda: budget.held > 20 * MB)
            for number in range(20):
                assert wait(http, "simple", {"foo": number})["foo"] == number
            assert budget.held < 128 * MB  # not 4 MB for each of them, and more on its way
        opened.close()
        until(lambda: budget.held == 0)


@pytest.mark.parametrize(("policy", "status"), [("cancel", "interrupted"), ("continue", "success")])
def test_who_has_stopped_reading_is_cut_off_in_the_end(policy: str, status: str) -> None:
    """Its run holds up runs that wait for a slot: it is cancelled, or goes on alone, as `on_disconnect` says."""
    with serving(heartbeat=0.1, event_buffer_bytes=MB, concurrency=1) as live:
        request = {"count": 100, "size": 256 * KB}
        with (
            live.client() as http,
            Unread(live.url, request, on_disconnect=policy) as it,
        ):
            run_id = it.run_id()
            assert wait(http, "simple", {"foo": 1})["foo"] == 1
            assert ended(http, run_id)["status"] == status


def test_who_reads_slowly_is_not_cut_off() -> None:
    """It may take any time in all, as long as it reads some bytes now and then."""
    request = {"count": 160, "size": 256 * KB}
    with serving(heartbeat=0.15, event_buffer_bytes=MB) as live, Unread(live.url, request) as it:
        it.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 * KB)
        started, size, pace = monotonic(), 0, Event()
        while monotonic() - started < 4:  # twice as long as is allowed for one portion
            size += len(it.socket.recv(64 * KB))
            pace.wait(0.01)
        total, end = it.read()
        assert size + total > 40 * MB
        assert end.endswith(b"0\r\n\r\n")
