"""Many runs at once: none waits for another, none sees another's events, and a bad one holds up no other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import anyio
import httpx
import pytest

from tests.graphs import graphs_under_test
from tests.graphs.graphs_under_test import released
from tests.live import DEADLINE, LiveServer, serving, sse, until
from tests.web.calls import create, detail, ended, run_id_of, until_status, wait

pytestmark = pytest.mark.anyio


@pytest.fixture
async def client(server: LiveServer) -> AsyncIterator[httpx.AsyncClient]:
    """An asynchronous client without a limit of its own."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=server.url, timeout=DEADLINE, limits=limits) as http:
        yield http


async def together(client: httpx.AsyncClient, path: str, bodies: list[dict[str, Any]]) -> list[httpx.Response]:
    """The answers to these runs of `held`: none ends before all have begun."""
    names = [body["input"]["foo"] for body in bodies]
    answers = asyncio.gather(*[client.post(path, json={"assistant_id": "held", **body}) for body in bodies])
    async with asyncio.timeout(DEADLINE):
        while not all(graphs_under_test.entered[name] for name in names):  # noqa: ASYNC110 - in another thread
            await asyncio.sleep(0.005)
    released.update(names)
    return await answers


async def test_fifty_waits_run_at_once(client: httpx.AsyncClient) -> None:
    names = [str(uuid4()) for _ in range(50)]
    responses = await together(client, "/runs/wait", [{"input": {"foo": name}} for name in names])
    assert [response.json() for response in responses] == [{"foo": name, "items": ["released"]} for name in names]


async def test_fifty_streams_run_at_once_and_carry_their_own_events(client: httpx.AsyncClient) -> None:
    names = [str(uuid4()) for _ in range(50)]
    fields = {"stream_mode": ["values", "custom"], "stream_resumable": True}
    responses = await together(client, "/runs/stream", [{"input": {"foo": name}, **fields} for name in names])
    for name, response in zip(names, responses, strict=True):
        assert sse(response.content) == [
            ("metadata", {"run_id": run_id_of(response), "attempt": 1}, "1"),
            ("values", {"foo": name, "items": []}, "2"),
            ("custom", "held", "3"),
            ("values", {"foo": name, "items": ["released"]}, "4"),
        ]


# More runs than slots


@pytest.fixture
def narrow() -> Iterator[httpx.Client]:
    """A client of a server that runs two runs at once."""
    with serving(concurrency=2) as live, live.client() as http:
        yield http


def test_more_runs_than_slots_wait_their_turn(narrow: httpx.Client) -> None:
    names = [str(uuid4()) for _ in range(5)]
    runs = [create(narrow, "held", {"foo": name})["run_id"] for name in names]
    until_status(narrow, runs[1], "running")
    assert [detail(narrow, run)["status"] for run in runs] == ["running", "running", "pending", "pending", "pending"]
    released.add(names[1])
    until_status(narrow, runs[2], "running")
    assert [detail(narrow, run)["status"] for run in runs] == ["running", "success", "running", "pending", "pending"]
    released.update(names)
    started = [ended(narrow, run)["started_at"] for run in runs]
    assert started == sorted(started)


def test_queued_waits_and_streams_start_as_slots_become_free(narrow: httpx.Client) -> None:
    names = [str(uuid4()) for _ in range(2)]
    for name in names:
        create(narrow, "held", {"foo": name})
    body = {"assistant_id": "simple", "input": {"foo": 1}}
    with (
        narrow.stream("POST", "/runs/wait", json=body) as waiting,
        narrow.stream("POST", "/runs/stream", json=body) as streaming,
    ):
        assert {detail(narrow, run_id_of(response))["status"] for response in (waiting, streaming)} == {"pending"}
        released.add(names[0])
        assert waiting.read() == b'{"foo":1,"items":["a","b"]}'
        assert len(sse(streaming.read())) == 4
    released.update(names)


def test_a_late_run_does_not_overtake_those_that_wait(narrow: httpx.Client) -> None:
    """Also when a slot becomes free at the moment it arrives."""
    runs = [create(narrow, "slow", {"seconds": 0.15})["run_id"] for _ in range(12)]
    done = [ended(narrow, run) for run in runs]
    assert [run["started_at"] for run in done] == sorted(run["started_at"] for run in done)
    assert done[-1]["queued_ms"] > 100


def test_a_delayed_run_takes_no_slot_while_it_waits(narrow: httpx.Client) -> None:
    for _ in range(5):
        create(narrow, "simple", {"foo": 1}, after_seconds=3600)
    assert wait(narrow, "simple", {"foo": 1}) == {"foo": 1, "items": ["a", "b"]}


def test_a_queued_run_whose_client_leaves_is_never_started(narrow: httpx.Client) -> None:
    names = [str(uuid4()) for _ in range(2)]
    for name in names:
        create(narrow, "held", {"foo": name})
    body = {"assistant_id": "slow", "input": {"seconds": 0}, "on_disconnect": "cancel"}
    with narrow.stream("POST", "/runs/wait", json=body) as response:
        run_id = run_id_of(response)
    until_status(narrow, run_id, "interrupted")
    released.update(names)
    assert wait(narrow, "simple", {"foo": 1})
    assert detail(narrow, run_id)["attempts"] == 0


# A node that blocks


@contextmanager
def blocked(http: httpx.Client) -> Iterator[None]:
    """A run whose node blocks its event loop until the block is left."""
    name = str(uuid4())
    run_id = create(http, "blocking", {"foo": name})["run_id"]
    until(lambda: graphs_under_test.entered[name])
    yield
    assert detail(http, run_id)["status"] == "running"
    released.add(name)
    assert ended(http, run_id)["status"] == "success"


def test_a_blocking_node_does_not_stall_the_server(http: httpx.Client) -> None:
    with blocked(http):
        assert [http.get("/ok").status_code for _ in range(20)] == [200] * 20


def test_a_run_created_meanwhile_is_answered_before_it_can_run(http: httpx.Client) -> None:
    with blocked(http):
        run_id = create(http, "simple", {"foo": 1})["run_id"]
        with http.stream("POST", "/runs/stream", json={"assistant_id": "simple", "input": {"foo": 1}}) as response:
            assert response.status_code == 200
    assert ended(http, run_id)["status"] == "success"


def test_the_log_names_the_node_the_file_and_the_line_that_blocks(
    http: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    def blocks() -> list[Any]:
        events = [record.msg for record in caplog.records if record.name == "treadle.graphs"]
        return [event for event in events if "block" in str(event)]

    with caplog.at_level("WARNING"), blocked(http):
        event = until(blocks)[0]
    code = graphs_under_test.block.__code__
    assert event["file"] == code.co_filename
    assert code.co_firstlineno < int(event["line"]) <= code.co_firstlineno + 4
    assert event["node"] == "stall"


# Leaving


async def test_sixty_clients_that_leave_leave_nothing_running(client: httpx.AsyncClient, http: httpx.Client) -> None:
    body = {"assistant_id": "slow", "input": {"seconds": 60}, "stream_mode": "custom", "on_disconnect": "cancel"}
    before = graphs_under_test.cancelled["slow"]
    runs: list[str] = []

    async def leave() -> None:
        async with client.stream("POST", "/runs/stream", json=body) as response:
            runs.append(run_id_of(response))
            async for chunk in response.aiter_bytes():
                if b"paused" in chunk:
                    break

    async with anyio.create_task_group() as clients:
        for _ in range(60):
            clients.start_soon(leave)
    until(lambda: graphs_under_test.cancelled["slow"] - before == 60)
    assert {until_status(http, run_id, "interrupted")["status"] for run_id in runs} == {"interrupted"}


@pytest.mark.parametrize("how", ["wait", "stream"])
def test_a_rolled_back_run_that_waited_for_a_slot_ends_properly_for_who_waits_for_it(how: str) -> None:
    with serving(concurrency=1) as live, live.client() as http:
        first = http.post("/runs", json={"assistant_id": "slow", "input": {"seconds": 30}}).json()
        with ThreadPoolExecutor() as pool:
            body = {"assistant_id": "simple", "input": {}}
            waiting = pool.submit(httpx.post, f"{live.url}/runs/{how}", json=body, timeout=DEADLINE)

            def rolled_back() -> bool:
                http.post("/runs/cancel", params={"action": "rollback"}, json={"status": "pending"})
                return waiting.done()

            until(rolled_back)
            assert waiting.result().status_code == 200
        http.post(f"/runs/{first['run_id']}/cancel")
        location = waiting.result().headers["content-location"]
        assert http.get(f"/runs/{location.rpartition('/')[2]}").status_code == 404
