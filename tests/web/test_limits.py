"""Limits that protect the process: the size and the shape of bodies, and the number of waiting runs."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from tests.live import DEADLINE, LiveServer, serving, until
from tests.web.calls import accepted, create, detail, ended
from tests.web.creating import EVERY, PATHS, Creator

LIMIT = 2000
QUEUE = 5
shows = pytest.mark.shows

# Bodies


@pytest.fixture(scope="module")
def small() -> Iterator[LiveServer]:
    """A server that takes bodies of up to 2000 bytes."""
    with serving(max_body_bytes=LIMIT) as live:
        yield live


def sized(path: str, size: int) -> bytes:
    """A valid body of exactly `size` bytes."""

    def body(text: str) -> bytes:
        run = {"assistant_id": "simple", "input": {"foo": text}}
        return json.dumps([run] if path.endswith("batch") else run).encode()

    return body("x" * (size - len(body(""))))


@shows(EVERY, "413")
@pytest.mark.parametrize("path", PATHS.values())
@pytest.mark.parametrize("chunks", [0, 1, 7])
def test_the_size_of_a_body_is_limited_to_the_byte(small: LiveServer, path: str, chunks: int) -> None:
    """Whether its length is known beforehand or not."""
    for size, status in ((LIMIT, 200), (LIMIT + 1, 413)):
        whole = sized(path, size)
        assert len(whole) == size
        content: Any = whole
        if chunks:
            step = size // chunks
            content = (whole[start : start + step] for start in range(0, size, step))
        with httpx.stream("POST", small.url + path, content=content, timeout=DEADLINE) as response:
            assert response.status_code == status
            if status == 413:
                limit = f"limit: {LIMIT} bytes, set by HTTP_MAX_REQUEST_BODY_BYTES"
                assert json.loads(response.read()) == {"detail": f"Request body too large ({limit})"}


DEEP = 100_000


@pytest.mark.parametrize("path", PATHS.values())
@pytest.mark.parametrize(
    "nested",
    [b"[" * DEEP + b"]" * DEEP, b'{"a":' * DEEP + b"1" + b"}" * DEEP, b"[" * DEEP, b"[1234567890123456789," * DEEP],
    ids=["arrays", "objects", "unclosed", "long integers"],
)
def test_a_body_nested_without_end_is_refused(http: httpx.Client, path: str, nested: bytes) -> None:
    for content in (nested, b'{"assistant_id":"simple","input":' + nested + b"}"):
        response = http.post(path, content=content)
        assert response.status_code in (400, 422)
        assert len(response.json()["detail"]) < 10_000
    assert accepted(http.get("/ok"))


def test_clients_that_never_finish_their_bodies_hold_nobody_up(server: LiveServer, http: httpx.Client) -> None:
    """They take no slot, and only the bytes that they have sent are kept."""
    address = httpx.URL(server.url)
    with ExitStack() as opened:
        for number in range(200):
            raw = opened.enter_context(socket.create_connection((address.host, address.port), timeout=DEADLINE))
            path = list(PATHS.values())[number % 4]
            raw.sendall(f"POST {path} HTTP/1.1\r\nhost: x\r\ncontent-length: 100000\r\n\r\n{{".encode())
        for number in range(20):
            assert http.post("/runs/wait", json={"assistant_id": "simple", "input": {"foo": number}}).status_code == 200
        # A slot is free again a moment after the answer has gone out.
        until(lambda: server.services.runs._worker.busy == 0)


# Runs that wait


@pytest.fixture
def full() -> Iterator[httpx.Client]:
    """A client of a server whose one slot is taken, and whose run queue is full."""
    with serving(concurrency=1, max_queued=QUEUE) as live, live.client() as http:
        create(http, "slow", {"seconds": 60})
        for _ in range(QUEUE):
            assert create(http, "slow", {"seconds": 60})["status"] == "pending"
        yield http


@shows(EVERY, "503")
@pytest.mark.parametrize("operation", PATHS)
def test_a_create_beyond_the_queue_is_refused_until_there_is_room(full: httpx.Client, operation: str) -> None:
    creator = Creator(full, operation)
    response = creator.post("simple", {"foo": 1})
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert list(response.json()) == ["detail"]
    assert f"{QUEUE} runs may wait at once (MAX_QUEUED_RUNS)" in response.json()["detail"]
    assert full.post("/runs/cancel", json={"status": "pending"}).status_code == 204
    assert full.post("/runs/cancel", json={"status": "running"}).status_code == 204
    assert creator.ended("simple", {"foo": 1})["status"] == "success"


def test_a_batch_is_refused_as_a_whole() -> None:
    with serving(concurrency=1, max_queued=QUEUE) as live, live.client() as http:
        first = create(http, "slow", {"seconds": 60})
        runs = [{"assistant_id": "slow", "input": {"seconds": 0}}] * (QUEUE + 1)
        too_large = http.post("/runs/batch", json=runs)
        assert (
            too_large.status_code,
            f"at most {QUEUE} may wait at once (MAX_QUEUED_RUNS)" in too_large.json()["detail"],
        ) == (422, True)
        batch = accepted(http.post("/runs/batch", json=runs[:QUEUE])).json()
        assert http.post("/runs/batch", json=runs[:2]).status_code == 503
        assert http.post("/runs", json=runs[0]).status_code == 503
        http.post(f"/runs/{first['run_id']}/cancel")
        assert {ended(http, run["run_id"])["status"] for run in batch} == {"success"}


def test_runs_that_start_at_once_do_not_wait() -> None:
    with serving(concurrency=3, max_queued=1) as live, live.client() as http:
        started = [create(http, "slow", {"seconds": 60})["run_id"] for _ in range(3)]
        assert create(http, "slow", {"seconds": 60})["status"] == "pending"
        assert [detail(http, run)["status"] for run in started] == ["running"] * 3
        assert http.post("/runs", json={"assistant_id": "slow", "input": {"seconds": 60}}).status_code == 503


@pytest.mark.anyio
async def test_the_limit_is_exact_however_many_come_at_once() -> None:
    body = {"assistant_id": "slow", "input": {"seconds": 60}}
    with serving(concurrency=2, max_queued=50) as live:
        async with httpx.AsyncClient(base_url=live.url, timeout=DEADLINE) as http:
            responses = await asyncio.gather(*[http.post("/runs", json=body) for _ in range(200)])
    statuses = [response.status_code for response in responses]
    assert (statuses.count(200), statuses.count(503)) == (52, 148)
