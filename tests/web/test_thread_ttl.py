"""`THREAD_TTL_MINUTES`: the lifetime of kept threads that have none of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.graphs import custom_savers
from tests.live import GRAPHS, LiveServer, serving, until
from tests.web.calls import accepted, create, ended
from tests.web.keeping import new_thread, stored, thread, thread_path

Json = dict[str, Any]
SHORT = 0.01
"""Minutes."""


@pytest.fixture(scope="module")
def passing() -> Iterator[LiveServer]:
    with serving(thread_ttl=SHORT) as live:
        yield live


@pytest.fixture
def http(passing: LiveServer) -> Iterator[httpx.Client]:
    with passing.client() as client:
        yield client


def until_gone(http: httpx.Client, of: Json) -> None:
    until(lambda: http.get(thread_path(of)).status_code == 404)


def test_the_thread_of_a_kept_run_goes_with_its_run_and_checkpoints(passing: LiveServer, http: httpx.Client) -> None:
    run = create(http, "simple", {"foo": 1}, on_completion="keep")
    ended(http, run["run_id"])
    found = accepted(http.get(thread_path(run), params={"include": "ttl"})).json()
    assert found["ttl"]["ttl_minutes"] == SHORT
    until_gone(http, run)
    until(lambda: not stored(passing, run))
    assert http.get(f"/runs/{run['run_id']}").status_code == 404


def test_a_thread_stays_as_long_as_its_run_takes(http: httpx.Client) -> None:
    run = create(http, "slow", {"seconds": 1.5}, on_completion="keep")
    ended(http, run["run_id"])
    assert thread(http, run)["status"] == "idle"
    until_gone(http, run)


def test_a_new_thread_stays_as_long_as_it_says_or_else_as_long_as_all_do(http: httpx.Client) -> None:
    lasting, short = new_thread(http, ttl={"ttl": 1}), new_thread(http)
    until_gone(http, short)
    assert thread(http, lasting)


def history(http: httpx.Client, of: Json) -> list[Json]:
    return list(accepted(http.get(f"{thread_path(of)}/history")).json())


def is_pruned(http: httpx.Client, of: Json) -> bool:
    return len(history(http, of)) == 1


def test_only_the_latest_state_of_a_thread_is_kept() -> None:
    """`THREAD_TTL_STRATEGY`"""
    with serving(thread_ttl=SHORT, thread_ttl_strategy="keep_latest") as live, live.client() as http:
        run = create(http, "simple", {"foo": 1}, on_completion="keep")
        ended(http, run["run_id"])
        found = accepted(http.get(thread_path(run), params={"include": "ttl"})).json()
        assert (found["ttl"]["strategy"], found["ttl"]["ttl_minutes"]) == ("keep_latest", SHORT)
        before = history(http, run)
        until(lambda: is_pruned(http, run))
        assert (len(before) > 1, history(http, run)) == (True, before[:1])
        state = accepted(http.get(f"{thread_path(run)}/state")).json()
        assert state["values"] == before[0]["values"] == found["values"]
        kept = accepted(http.get(thread_path(run), params={"include": "ttl"})).json()
        assert kept == {key: value for key, value in found.items() if key != "ttl"}
        assert http.get(f"/runs/{run['run_id']}").status_code == 200


@pytest.mark.shows("create_thread", "ttl.strategy=keep_latest")
def test_a_new_thread_says_what_happens_to_it(http: httpx.Client) -> None:
    steps = [{"updates": [{"values": {"foo": number}, "as_node": "__start__"}]} for number in range(3)]
    kept, gone = (
        new_thread(http, ttl={"ttl": SHORT, "strategy": strategy}, metadata={"graph_id": "simple"}, supersteps=steps)
        for strategy in ("keep_latest", "delete")
    )
    before = history(http, kept)
    until_gone(http, gone)
    until(lambda: is_pruned(http, kept))
    assert history(http, kept) == before[:1]


FORGETFUL = """
from typing import Any, TypedDict
from langgraph.graph import START, StateGraph

class Changed:
    def __setstate__(self, state):
        raise RuntimeError("the class has changed")
    def __reduce__(self):
        return (Changed, (), {"a": 1})

class State(TypedDict, total=False):
    value: Any

def old(state):
    return {"value": Changed()}

def new(state):
    return {"value": 1}

graph = StateGraph(State).add_sequence([old, new]).add_edge(START, "old").compile()
"""


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_values_that_can_no_longer_be_read_are_pruned_as_well(tmp_path: Path, store: str) -> None:
    (tmp_path / "agent.py").write_text(FORGETFUL)
    (tmp_path / "langgraph.json").write_text('{"graphs": {"agent": "./agent.py:graph"}}')
    uri = "memory://" if store == "memory" else f"sqlite:///{tmp_path}/runs.db"
    settings: Json = {"database_uri": uri, "thread_ttl": SHORT, "thread_ttl_strategy": "keep_latest"}
    with serving(tmp_path / "langgraph.json", **settings) as live, live.client() as http:
        run = create(http, "agent", {}, on_completion="keep")
        assert ended(http, run["run_id"])["status"] == "success"
        assert http.get(f"{thread_path(run)}/history").status_code == 500
        until(lambda: http.get(f"{thread_path(run)}/history").status_code == 200)
        assert [state["values"] for state in history(http, run)] == [{"value": 1}]


def test_a_thread_that_cannot_be_pruned_stands_in_nobodys_way(tmp_path: Path) -> None:
    """New threads are made, those that can be pruned are, and the log says why the other one is not."""
    savers = GRAPHS.with_name("custom_savers.py")
    graphs = {"simple": f"{GRAPHS.with_name('graphs_under_test.py')}:simple"}
    document = {"graphs": graphs, "checkpointer": {"path": f"{savers}:Unpruning"}}
    (tmp_path / "langgraph.json").write_text(json.dumps(document))
    settings: Json = {"thread_ttl": SHORT, "thread_ttl_strategy": "keep_latest"}
    with serving(tmp_path / "langgraph.json", **settings) as live, live.client() as http:
        failing, fine = (
            ended(http, create(http, "simple", {"foo": foo}, on_completion="keep")["run_id"]) for foo in (1, 2)
        )
        custom_savers.unprunable.add(failing["thread_id"])
        until(lambda: is_pruned(http, fine))
        for _ in range(5):
            new_thread(http)
        assert len(history(http, failing)) > 1
