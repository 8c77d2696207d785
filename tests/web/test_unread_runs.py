"""Runs whose events nobody reads, or not from the start; and what belongs to the request that created a run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.live import serving, sse, until
from tests.web.calls import create, detail, ended, stream, wait

GRAPHS = """
import asyncio, contextvars
from pathlib import Path
from typing import TypedDict
from langgraph.graph import START, StateGraph

USER = contextvars.ContextVar("user", default=None)


class Unsayable:
    def model_dump(self):
        raise ValueError("cannot be said")


class State(TypedDict, total=False):
    gate: str
    left: object
    user: str
    items: list


async def hide(state):
    while not Path(state["gate"]).exists():
        await asyncio.sleep(0.01)
    return {"left": Unsayable()}

async def show(state):
    return {"left": "said"}

async def name(state):
    await asyncio.sleep(0)
    return {"user": USER.get()}

async def make(state):
    return {"items": ["made"]}

async def spoil(state):
    state["items"].append("changed afterwards")
    raise ValueError("spoilt")


def line(*nodes):
    graph = StateGraph(State).add_sequence(list(nodes))
    return graph.add_edge(START, nodes[0].__name__).compile()


hiding, naming, spoiling = line(hide, show), line(name), line(make, spoil)
"""
APP = """
from graphs import USER
from starlette.applications import Starlette
from starlette.middleware import Middleware

class Named:
    def __init__(self, app):
        self.app = app

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http":
            USER.set(dict(scope["headers"]).get(b"x-user", b"").decode())
        await self.app(scope, receive, send)

app = Starlette(middleware=[Middleware(Named)])
"""


@pytest.fixture(params=["sqlite:///{folder}/files/runs.db", "memory://"], ids=["sqlite", "memory"])
def http(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[httpx.Client]:
    """A server of these graphs, with the author's middleware."""
    module = f"graphs_of_{tmp_path.name}"  # of its own: one process serves them all
    (tmp_path / f"{module}.py").write_text(GRAPHS)
    (tmp_path / "web.py").write_text(APP.replace("from graphs", f"from {module}"))
    graphs = {name: f"./{module}.py:{name}" for name in ("hiding", "naming", "spoiling")}
    config = tmp_path / "langgraph.json"
    config.write_text(json.dumps({"dependencies": ["."], "graphs": graphs, "http": {"app": "./web.py:app"}}))
    with serving(config, database_uri=request.param.format(folder=tmp_path)) as live, live.client() as client:
        yield client


def test_each_run_has_the_variables_of_its_own_request(http: httpx.Client) -> None:
    def user_of(number: int) -> str:
        answer = http.post("/runs/wait", json={"assistant_id": "naming", "input": {}}, headers={"x-user": f"u{number}"})
        return str(answer.json()["user"])

    with ThreadPoolExecutor(32) as threads:
        assert list(threads.map(user_of, range(200))) == [f"u{number}" for number in range(200)]


def test_who_comes_later_does_not_make_a_run_fail(http: httpx.Client, tmp_path: Path) -> None:
    """An event that cannot be encoded fails a run that is streamed; one that nobody asked for is left out."""
    gate = tmp_path / "gate"
    run = create(http, "hiding", {"gate": str(gate)}, stream_mode="updates")
    until(lambda: detail(http, run["run_id"])["status"] == "running")
    with http.stream("GET", f"/runs/{run['run_id']}/stream") as joined:
        gate.touch()
        events = sse(joined.read())
    assert [(name, data) for name, data, _ in events if name != "metadata"] == [("updates", {"show": {"left": "said"}})]
    assert ended(http, run["run_id"])["status"] == "success"
    assert wait(http, "hiding", {"gate": str(gate)}, stream_mode="updates") == {}
    assert stream(http, "hiding", {"gate": str(gate)}, stream_mode="updates")[-1][0] == "error"


def test_values_are_kept_as_they_were_emitted(http: httpx.Client) -> None:
    for fields in ({}, {"on_completion": "keep"}):
        run = ended(http, create(http, "spoiling", {}, **fields)["run_id"])
        assert (run["status"], run["values"]) == ("error", {"items": ["made"]})
