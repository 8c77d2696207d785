"""Receivers that hang or are dead: they take neither the slots of others, nor the time of the server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any

import httpx
import pytest

from tests.live import DEADLINE, serving, until
from tests.web.calls import accepted, create
from tests.web.hook_receiver import HOOKED, receiving, until_delivery

TIMEOUT = 8.0
"""Seconds of an attempt."""


async def here(host: str, port: int) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with (
        serving(HOOKED, resolve=here, webhook_timeout=TIMEOUT) as live,
        live.client() as client,
    ):
        yield client


def create_many(http: httpx.Client, url: str, runs: int) -> list[str]:
    """The ids of new runs that all owe the same receiver a delivery."""
    item = {"assistant_id": "simple", "input": {"foo": 1}, "webhook": url}
    return [run["run_id"] for run in accepted(http.post("/runs/batch", json=[item] * runs)).json()]


@contextmanager
def hanging_up(port: int = 0) -> Iterator[tuple[int, list[Any]]]:
    """A receiver that takes connections and ends them without an answer: its port, and the callers."""
    with socket.create_server(("127.0.0.1", port)) as server:
        calls: list[Any] = []

        def serve() -> None:
            with suppress(OSError):
                while True:
                    connection, caller = server.accept()
                    calls.append(caller)
                    connection.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield server.getsockname()[1], calls
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(DEADLINE)


def test_a_host_that_hangs_keeps_to_its_own_slots() -> None:
    woken = Event()
    with (
        receiving() as hanging,
        receiving() as prompt,
        serving(HOOKED, webhook_timeout=DEADLINE) as live,
        live.client() as http,
    ):
        hanging.answer = lambda received: (200 if woken.wait(DEADLINE) else 500, {})
        run_ids = create_many(http, hanging.url, 100)
        until(lambda: len(hanging.received) >= 5)
        prompt.first(create(http, "simple", {"foo": 1}, webhook=prompt.url)["run_id"])
        assert len(hanging.received) <= 8, "it has more than its share of attempts"
        woken.set()
        for run_id in run_ids:
            hanging.first(run_id)


def test_many_hosts_that_hang_leave_slots_to_those_that_answer(http: httpx.Client) -> None:
    """Once they have failed. One receiver stands for all of them: the server tells hosts apart by name."""
    woken = Event()
    with receiving() as prompt, receiving() as hanging:
        hanging.answer = lambda received: (200 if woken.wait(DEADLINE) else 500, {})
        names = [f"h{number}.test" for number in range(9)]
        for name in names:
            create_many(http, f"http://{name}:{hanging.port}/", 16)
        # All slots are taken until the first attempts give up; from then on, failing hosts keep to half of them.
        until(lambda: len(hanging.received) >= 64 + 25)
        for _ in range(5):
            # Before the next of them gives up.
            prompt.first(create(http, "simple", {"foo": 1}, webhook=prompt.url)["run_id"], within=TIMEOUT / 2)
        woken.set()


def test_a_host_that_is_dead_is_left_alone_for_a_while(http: httpx.Client) -> None:
    with hanging_up() as (port, calls), receiving() as prompt:
        create_many(http, f"http://127.0.0.1:{port}/", 300)
        for _ in range(20):
            prompt.first(create(http, "simple", {"foo": 1}, webhook=prompt.url)["run_id"])
        assert 8 <= len(calls) < 300, "each of its deliveries was tried at once"


def test_a_host_that_answers_again_gets_all_that_it_is_owed(http: httpx.Client) -> None:
    with hanging_up() as (port, calls):
        run_ids = create_many(http, f"http://127.0.0.1:{port}/", 100)
        until(lambda: len(calls) > 16)
    with receiving(port) as receiver:
        for run_id in run_ids:
            receiver.first(run_id)
            until_delivery(http, run_id, "delivered")
