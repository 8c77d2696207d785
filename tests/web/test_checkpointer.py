"""A checkpointer of the author's own (`checkpointer.path`): it holds what kept runs leave, and nothing else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.processes import serve
from tests.graphs import custom_savers
from tests.graphs.custom_savers import Noting
from tests.live import GRAPHS, serving, until
from tests.web.calls import accepted, stream, wait
from tests.web.keeping import (
    history,
    kept,
    new_thread,
    run_path,
    searched,
    slow_run,
    state,
    superstep,
    thread,
    thread_path,
    update,
)

SAVERS = GRAPHS.with_name("custom_savers.py")
GRAPH_NAMES = ("simple", "slow", "nested_slow", "nested_asking", "failing", "laps")
FORMS = ["opened", "entered", "plain", "awaited", "instance", "Full", "Noting", "lacking", "ByUuid"]
RESULT = {"foo": 1, "items": ["a", "b"]}
SHORT = 0.01
"""Minutes."""
WRITING = {"aput", "aput_writes"}
EACH_FORM = pytest.mark.parametrize("form", FORMS)
ISOLATED = pytest.mark.parametrize("isolated", [False, True], ids=["home", "isolated"])
Json = dict[str, Any]


def configured(folder: Path, form: str, **checkpointer: Any) -> Path:
    """A configuration with this form of checkpointer."""
    graphs = {name: f"{GRAPHS.with_name('graphs_under_test.py')}:{name}" for name in GRAPH_NAMES}
    config = folder / "langgraph.json"
    config.write_text(json.dumps({"graphs": graphs, "checkpointer": {"path": f"{SAVERS}:{form}", **checkpointer}}))
    return config


def of_server(form: str) -> Noting:
    """The checkpointer of the server that started last."""
    return custom_savers.instance if form == "instance" else custom_savers.made[-1]


def read_by_each_way(http: httpx.Client, run: Json) -> list[Json]:
    """The states of a kept run, the newest first, which all ways to read them agree on."""
    states: list[Json] = history(http, run)
    assert searched(http, run, limit=10) == states
    assert state(http, run) == states[0]
    for each in states:
        checkpoint = each["checkpoint"]
        path = f"{thread_path(run)}/state"
        assert accepted(http.get(f"{path}/{checkpoint['checkpoint_id']}")).json() == each
        assert accepted(http.post(f"{path}/checkpoint", json={"checkpoint": checkpoint})).json() == each
    return states


# What it holds


@EACH_FORM
@ISOLATED
def test_what_a_kept_run_leaves_is_there_until_its_thread_is_deleted(tmp_path: Path, form: str, isolated: bool) -> None:
    with serving(configured(tmp_path, form), isolated_loops=isolated) as live, live.client() as http:
        run, saver = kept(http, "simple", {"foo": 1}), of_server(form)
        states = read_by_each_way(http, run)
        assert [each["next"] for each in states] == [[], ["second"], ["first"], ["__start__"]]
        assert states[0]["values"] == thread(http, run)["values"] == RESULT
        assert saver.checkpoints(run["thread_id"]) == len(states)
        other = kept(http, "simple", {"foo": 1})
        assert http.delete(thread_path(run)).status_code == 204
        assert saver.kept(run["thread_id"]) == 0
        assert len(read_by_each_way(http, other)) == saver.checkpoints(other["thread_id"]) == 4
    assert not list(tmp_path.glob("**/*.db"))


@EACH_FORM
def test_a_run_that_is_not_kept_leaves_nothing(tmp_path: Path, form: str) -> None:
    with serving(configured(tmp_path, form)) as live, live.client() as http:
        saver = of_server(form)
        saver.called.clear()
        assert wait(http, "simple", {"foo": 1}) == RESULT
        assert stream(http, "simple", {"foo": 1})[-1][1] == RESULT
        assert not WRITING & set(saver.called)
        kept(http, "simple", {"foo": 1})
        assert set(saver.called) >= WRITING


@ISOLATED
def test_a_thread_that_is_created_with_a_state_has_it_there(tmp_path: Path, isolated: bool) -> None:
    with serving(configured(tmp_path, "opened"), isolated_loops=isolated) as live, live.client() as http:
        steps = [superstep(update("__start__", {"foo": 1})), superstep(update("first", {"items": ["u"]}))]
        made = new_thread(http, metadata={"graph_id": "simple"}, supersteps=steps)
        states = read_by_each_way(http, made)
        assert (states[0]["values"], states[0]["next"]) == ({"foo": 1, "items": ["u"]}, ["second"])
        assert of_server("opened").checkpoints(made["thread_id"]) == len(states)


@ISOLATED
def test_what_a_subgraph_leaves_is_there_as_well(tmp_path: Path, isolated: bool) -> None:
    with serving(configured(tmp_path, "opened"), isolated_loops=isolated) as live, live.client() as http:
        run = kept(http, "nested_asking", {"foo": 1})
        assert thread(http, run)["status"] == "interrupted"
        [task] = state(http, run, subgraphs=True)["tasks"]
        assert task["state"]["next"] == ["ask"]


@ISOLATED
def test_a_run_that_fails_leaves_its_error(tmp_path: Path, isolated: bool) -> None:
    with serving(configured(tmp_path, "opened"), isolated_loops=isolated) as live, live.client() as http:
        run = kept(http, "failing", {"foo": "value"})
        assert thread(http, run)["error"] == {"error": "ValueError", "message": "boom"}
        assert state(http, run)["tasks"][0]["error"] == "ValueError('boom')"


# Where it is called, and when it ends


@pytest.mark.parametrize("form", ["opened", "plain", "lacking"])
@ISOLATED
def test_every_call_is_on_one_loop(tmp_path: Path, form: str, isolated: bool) -> None:
    """Its connections belong to that one."""
    config = configured(tmp_path, form)
    with serving(config, isolated_loops=isolated, thread_ttl_strategy="keep_latest") as live, live.client() as http:
        saver = of_server(form)
        runs = [kept(http, "simple", {"foo": 1}, durability=each) for each in ("sync", "async", "exit")]
        for run in runs:
            read_by_each_way(http, run)
        slow = slow_run(http)
        accepted(http.post(f"{run_path(slow)}/cancel", params={"action": "rollback", "wait": "true"}))
        assert http.delete(thread_path(runs[0])).status_code == 204
        steps = [superstep(update("__start__", {"foo": number})) for number in range(3)]
        new_thread(http, metadata={"graph_id": "simple"}, supersteps=steps, ttl={"ttl": 0, "strategy": "keep_latest"})
        if form != "lacking":
            until(lambda: "aprune keep_latest" in saver.called)
        assert {"aget_tuple", "alist", *WRITING, "adelete_thread"} <= set(saver.called)
        assert len(saver.loops) == 1


@pytest.mark.parametrize("form", ["opened", "entered"])
def test_what_it_holds_open_is_closed_at_the_end(tmp_path: Path, form: str) -> None:
    with serving(configured(tmp_path, form)):
        custom_savers.ended.clear()
    assert custom_savers.ended == [form]


@ISOLATED
def test_what_is_in_a_file_outlives_the_server(tmp_path: Path, isolated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUTHORS_CHECKPOINTS", str(tmp_path / "authors.db"))
    config, uri = configured(tmp_path, "in_file"), f"sqlite:///{tmp_path}/runs.db"
    with serving(config, database_uri=uri, isolated_loops=isolated) as live, live.client() as http:
        run = kept(http, "simple", {"foo": 1})
        before = read_by_each_way(http, run)
    with serving(config, database_uri=uri, isolated_loops=isolated) as live, live.client() as http:
        assert read_by_each_way(http, run) == before
        assert thread(http, run)["values"] == RESULT
        assert http.delete(thread_path(run)).status_code == 204
        assert http.get(f"{thread_path(run)}/state").status_code == 404
    assert not list(tmp_path.glob("**/checkpoints.db"))


# What goes


@pytest.mark.parametrize("form", ["opened", "lacking"])
@pytest.mark.parametrize("graph", ["slow", "nested_slow"])
@ISOLATED
def test_a_run_that_is_rolled_back_leaves_nothing(tmp_path: Path, form: str, graph: str, isolated: bool) -> None:
    with serving(configured(tmp_path, form), isolated_loops=isolated) as live, live.client() as http:
        saver, other, run = of_server(form), kept(http, "simple", {"foo": 1}), slow_run(http, graph, durability="sync")
        assert saver.checkpoints(run["thread_id"])
        accepted(http.post(f"{run_path(run)}/cancel", params={"action": "rollback", "wait": "true"}))
        assert saver.kept(run["thread_id"]) == 0
        assert history(http, run) == []
        assert thread(http, run)["error"]["error"] == "UserRollback"
        assert len(read_by_each_way(http, other)) == 4
        assert ("adelete_for_runs" in saver.called) is (form == "opened")


def is_pruned(http: httpx.Client, of: Json) -> bool:
    return len(history(http, of)) == 1


@ISOLATED
def test_a_thread_is_pruned_by_the_checkpointer_itself(tmp_path: Path, isolated: bool) -> None:
    config = configured(tmp_path, "opened")
    settings: Json = {"thread_ttl": SHORT, "thread_ttl_strategy": "keep_latest", "isolated_loops": isolated}
    with serving(config, **settings) as live, live.client() as http:
        run, saver = kept(http, "simple", {"foo": 1}), of_server("opened")
        lasting = new_thread(http, ttl={"ttl": 5})
        until(lambda: is_pruned(http, run))
        assert saver.checkpoints(run["thread_id"]) == 1
        assert state(http, run)["values"] == thread(http, run)["values"] == RESULT
        assert thread(http, lasting)["status"] == "idle"


def test_a_thread_keeps_all_of_its_states_if_the_checkpointer_cannot_prune(tmp_path: Path) -> None:
    """Its lifetime is over all the same: none is shown any more."""
    settings: Json = {"thread_ttl": SHORT, "thread_ttl_strategy": "keep_latest"}
    with serving(configured(tmp_path, "lacking"), **settings) as live, live.client() as http:
        lasting, run = new_thread(http, ttl={"ttl": 5}), kept(http, "simple", {"foo": 1})
        before = read_by_each_way(http, run)
        shown = {"include": "ttl"}
        until(lambda: "ttl" not in accepted(http.get(thread_path(run), params=shown)).json())
        assert read_by_each_way(http, run) == before
        assert len(before) == 4
        assert "ttl" in accepted(http.get(thread_path(lasting), params=shown)).json()


def test_the_strategy_stands_in_the_configuration(tmp_path: Path) -> None:
    ttl = {"strategy": "keep_latest", "default_ttl": 60, "sweep_interval_minutes": 1}
    with serve("--port", "0", config=configured(tmp_path, "opened", ttl=ttl)) as process:
        with httpx.Client(base_url=process.url) as http:
            run = kept(http, "simple", {"foo": 1})
            found = accepted(http.get(thread_path(run), params={"include": "ttl"})).json()["ttl"]
            assert (found["strategy"], found["ttl_minutes"]) == ("keep_latest", 60)
        assert warnings(process.lines()) == []


# What it lacks


def warnings(lines: list[Json]) -> list[Json]:
    return [line for line in lines if line["level"] == "warning"]


def test_a_warning_says_that_it_cannot_delete_threads(tmp_path: Path) -> None:
    config = configured(tmp_path, "Minimal")
    with serve("--port", "0", config=config) as process:
        [warning] = warnings(process.lines())
    assert warning["event"] == "the checkpointer has no method adelete_thread: threads cannot be deleted"
    assert warning["where"] == f"{config}: checkpointer.path ({SAVERS}:Minimal)"


@pytest.mark.parametrize("strategy", ["delete", "keep_latest"])
def test_a_warning_says_that_it_cannot_prune_only_when_it_should(tmp_path: Path, strategy: str) -> None:
    config = configured(tmp_path, "lacking", ttl={"strategy": strategy, "default_ttl": SHORT})
    with serve("--port", "0", config=config) as process, httpx.Client(base_url=process.url) as http:
        run = kept(http, "simple", {"foo": 1})
        if strategy == "keep_latest":
            until(lambda: warnings(process.lines()) != [])
            [warning] = warnings(process.lines())
            assert "no method aprune" in warning["event"]
            assert warning["thread_id"] == run["thread_id"]
        else:
            until(lambda: http.get(thread_path(run)).status_code == 404)
            assert warnings(process.lines()) == []


@ISOLATED
def test_one_that_cannot_delete_keeps_what_it_has(tmp_path: Path, isolated: bool) -> None:
    """A thread is not forgotten whose checkpoints are still there."""
    with serving(configured(tmp_path, "Minimal"), isolated_loops=isolated) as live, live.client() as http:
        run = kept(http, "simple", {"foo": 1})
        before = read_by_each_way(http, run)
        answer = http.delete(thread_path(run))
        reason = f"The checkpoints of thread {run['thread_id']} cannot be deleted: NotImplementedError"
        assert (answer.status_code, answer.json()["detail"]) == (503, reason)
        assert read_by_each_way(http, run) == before
        assert thread(http, run)["values"] == RESULT


@ISOLATED
@pytest.mark.parametrize("form", ["opened", "in_file"])
def test_a_plain_node_may_run_a_subgraph(tmp_path: Path, form: str, isolated: bool, monkeypatch: Any) -> None:
    """LangGraph calls the synchronous methods of the checkpointer there, which savers of files have as well."""
    monkeypatch.setenv("AUTHORS_CHECKPOINTS", f"{tmp_path}/authors.db")
    config = configured(tmp_path, form)
    document = json.loads(config.read_text())
    config.write_text(json.dumps({**document, "graphs": {"blocking": f"{SAVERS}:blocking"}}))
    with serving(config, isolated_loops=isolated) as live, live.client() as http:
        assert state(http, kept(http, "blocking", {}))["values"] == {"value": 3}
