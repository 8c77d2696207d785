"""A run ends once, however it ends and whatever clients follow it, and leaves nothing behind."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.graphs.graphs_under_test import entered, released
from tests.live import LiveServer, serving, until
from tests.web.calls import create, ended, until_status, wait
from tests.web.sockets import KB, SlowReader


@pytest.fixture
def live() -> Iterator[LiveServer]:
    with serving(run_timeout=3.0, event_buffer_bytes=64 * KB) as server:
        yield server


@pytest.fixture
def http(live: LiveServer) -> Iterator[httpx.Client]:
    with live.client() as client:
        yield client


def test_a_reader_that_has_stopped_does_not_keep_a_run_from_ending(live: LiveServer, http: httpx.Client) -> None:
    given = {"count": 4000, "size": 256 * KB}
    reader = SlowReader(live.url, {"assistant_id": "laps", "input": given, "stream_mode": "updates"})
    runs = live.services.runs
    until(lambda: runs._worker.busy == 1)
    until(lambda: runs._worker.busy == 0)
    assert wait(http, "simple", {"foo": 1})["foo"] == 1
    assert b'event: error\r\ndata: {"error":"TimeoutError"' in reader.read()


def test_a_waiter_of_a_run_that_is_cancelled_and_deleted_has_its_answer(http: httpx.Client) -> None:
    run = create(http, "slow", {"seconds": 30})
    path = f"/runs/{run['run_id']}"
    until_status(http, run["run_id"], "running")
    with ThreadPoolExecutor() as pool:
        waiter = pool.submit(http.get, f"{path}/join")
        assert http.post(f"{path}/cancel").status_code == 202
        http.delete(path)
        assert waiter.result().status_code in (200, 404)  # 404 if the run was gone before the wait began
        until(lambda: http.get(path).status_code == 404)


@pytest.mark.parametrize("end", ["delete", "rollback"])
def test_events_of_a_forgotten_run_are_freed(end: str) -> None:
    with serving(database_uri="memory://") as live, live.client() as http:
        run = create(http, "slow", {"seconds": 0}, after_seconds=60, stream_resumable=True)
        path = f"/runs/{run['run_id']}"
        if end == "delete":
            http.delete(path)
        else:
            http.post(f"{path}/cancel", params={"action": "rollback"})
        events: Any = live.services.runs._storage.events
        assert run["run_id"] not in events._runs


def test_many_synchronous_nodes_run_at_once(server: LiveServer) -> None:
    """Each takes a thread: in a pool of Python's default size they would not all begin before one ends."""
    name = str(uuid4())
    with server.client() as http:
        runs = [create(http, "sleeping", {"foo": name}) for _ in range(40)]
        until(lambda: entered[name] == 40)
        released.add(name)
        assert {ended(http, run["run_id"])["status"] for run in runs} == {"success"}


def test_a_refusal_quotes_only_the_beginning_of_a_huge_value(http: httpx.Client) -> None:
    response = http.post("/runs", json={"assistant_id": "simple", "webhook": ["x" * 1_000_000]})
    assert response.status_code == 422
    assert 'instance["webhook"]' in response.json()["detail"]
    assert len(response.content) < 10_000


def test_the_names_of_thousands_of_unknown_fields_fit_into_a_header(http: httpx.Client) -> None:
    fields = {f"unknown_{number}": 1 for number in range(5000)}
    response = http.post("/runs", json={"assistant_id": "simple", "input": {"foo": 1}, **fields})
    assert response.headers["treadle-ignored"].startswith("unknown_0, unknown_1, ")
    assert response.headers["treadle-ignored"].endswith(", ...")
    assert len(response.headers["treadle-ignored"]) < 1100
