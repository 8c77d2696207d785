"""Middleware of the author's application that works with the event loop: it is one loop for all that it sees."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.live import GRAPHS, serving
from tests.web.calls import names, payloads, stream, wait

APP = """
import asyncio
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.base import BaseHTTPMiddleware
from starlette.responses import JSONResponse
from starlette.routing import Route

loops = set()

class Heading(BaseHTTPMiddleware):
    async def dispatch(self, request, call_next):
        loops.add(asyncio.get_running_loop())
        response = await call_next(request)
        response.headers["x-own"] = "1"
        return response

class Watching:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        async def watched_send(message):
            loops.add(asyncio.get_running_loop())
            await send(message)

        async def watched_receive():
            loops.add(asyncio.get_running_loop())
            return await receive()

        await self.app(scope, watched_receive, watched_send)

async def count(request):
    return JSONResponse(len(loops))

app = Starlette(
    routes=[Route("/loops", count)],
    middleware=[Middleware(Watching), Middleware(Heading), Middleware(Watching)],
)
"""


@pytest.fixture(scope="module", params=[False, True], ids=["home", "isolated"])
def http(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    folder = tmp_path_factory.mktemp("middleware")
    (folder / "web.py").write_text(APP)
    graphs = {name: f"{GRAPHS.with_name('graphs_under_test.py')}:{name}" for name in ("simple", "slow", "laps")}
    (folder / "langgraph.json").write_text(json.dumps({"graphs": graphs, "http": {"app": "./web.py:app"}}))
    with serving(folder / "langgraph.json", isolated_loops=request.param) as live, live.client() as client:
        yield client


def test_every_answer_comes_through_it(http: httpx.Client) -> None:
    for number in range(30):
        assert wait(http, "simple", {"foo": number})["foo"] == number
        for path, status in (("/assistants/count", 200), ("/no/such/path", 404), ("/runs", 422)):
            answer = http.post(path, json={})
            assert (answer.status_code, answer.headers["x-own"]) == (status, "1")


def test_streams_come_through_it_while_they_last(http: httpx.Client) -> None:
    for _ in range(10):
        events = stream(http, "laps", {"count": 20, "size": 1000}, stream_mode="updates")
        assert names(events) == ["updates"] * 20
        assert len(payloads(events)) == 20


def test_a_client_that_leaves_cancels_its_run(http: httpx.Client) -> None:
    body = {"assistant_id": "slow", "input": {"seconds": 60}, "on_disconnect": "cancel", "on_completion": "keep"}
    with http.stream("POST", "/runs/stream", json=body) as answer:
        run = answer.headers["content-location"]
    assert http.get(f"{run}/join").status_code == 200
    assert http.get(run).json()["status"] == "interrupted"


def test_all_of_it_is_on_one_loop(http: httpx.Client) -> None:
    wait(http, "simple", {"foo": 1})
    assert http.get("/loops").json() == 1
