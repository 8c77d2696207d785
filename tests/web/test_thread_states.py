"""The newest state of a thread: `GET /threads/{thread_id}/state`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.graphs import schemas
from tests.web.calls import create
from tests.web.keeping import history, kept, new_thread, run_path, searched, slow_run, state, thread, thread_path

shows = pytest.mark.shows
KEYS = [
    "values",
    "next",
    "tasks",
    "metadata",
    "created_at",
    "checkpoint",
    "parent_checkpoint",
    "interrupts",
    "checkpoint_id",
    "parent_checkpoint_id",
]
NOTHING = dict.fromkeys(KEYS) | {"values": {}, "next": [], "tasks": [], "interrupts": []}
TASK = ["id", "name", "path", "error", "interrupts", "checkpoint", "state", "result"]
ADDRESS = ["checkpoint_id", "thread_id", "checkpoint_ns"]
Json = dict[str, Any]


@shows("get_thread_state", "thread_id 200")
def test_the_state_at_the_end_of_a_run(http: httpx.Client) -> None:
    run = kept(http, "simple", {"foo": 1}, metadata={"mine": 1})
    newest = state(http, run)
    assert list(newest) == KEYS
    assert newest["values"] == {"foo": 1, "items": ["a", "b"]}
    assert newest["next"] == newest["tasks"] == newest["interrupts"] == []
    assert (newest["metadata"]["source"], newest["metadata"]["step"], newest["metadata"]["parents"]) == ("loop", 2, {})
    assert (newest["metadata"]["mine"], newest["metadata"]["run_id"]) == (1, run["run_id"])
    assert not [key for key in newest["metadata"] if key.startswith("__")]
    assert datetime.fromisoformat(newest["created_at"]).utcoffset() == timedelta(0)


@shows("get_thread_state", "200")
def test_a_state_says_where_it_and_the_one_before_are_kept(http: httpx.Client) -> None:
    run = kept(http, "simple", {"foo": 1})
    newest, before = history(http, run, limit=2)
    for at, checkpoint in ((newest, newest["checkpoint"]), (before, newest["parent_checkpoint"])):
        assert list(checkpoint) == ADDRESS
        assert (checkpoint["thread_id"], checkpoint["checkpoint_ns"]) == (run["thread_id"], "")
        assert checkpoint == at["checkpoint"]
        assert checkpoint["checkpoint_id"] == at["checkpoint_id"] == str(UUID(at["checkpoint_id"]))
    assert newest["parent_checkpoint_id"] == before["checkpoint_id"]
    assert state(http, run) == newest


@shows("get_thread_state", "200")
def test_a_thread_without_checkpoints_has_an_empty_state(http: httpx.Client) -> None:
    made = new_thread(http, metadata={"graph_id": "simple"})
    assert list(state(http, made)) == KEYS
    assert state(http, made) == NOTHING
    assert state(http, made, subgraphs="true") == NOTHING


@shows("get_thread_state", "200 404")
def test_the_thread_of_a_temporary_run_has_an_empty_state_until_it_is_gone(http: httpx.Client) -> None:
    run = slow_run(http, on_completion="delete")
    assert (state(http, run), history(http, run), searched(http, run)) == (NOTHING, [], [])
    assert http.post(f"{run_path(run)}/cancel", params={"wait": 1}).status_code == 200
    for answer in (
        http.get(f"{thread_path(run)}/state"),
        http.get(f"{thread_path(run)}/history"),
        http.post(f"{thread_path(run)}/history", json={}),
    ):
        assert answer.status_code == 404
        assert run["thread_id"] in answer.json()["detail"]


@shows("get_thread_state", "200")
def test_a_kept_run_shows_its_state_while_it_runs(http: httpx.Client) -> None:
    run = slow_run(http, durability="sync")
    newest = state(http, run)
    assert (newest["values"], newest["next"]) == ({"seconds": 60}, ["pause"])
    assert searched(http, run) == [newest]
    assert thread(http, run)["status"] == "busy"
    assert http.delete(thread_path(run)).status_code == 204


@shows("get_thread_state", "200")
def test_a_kept_run_that_has_not_started_has_an_empty_state(http: httpx.Client) -> None:
    run = create(http, "simple", {"foo": 1}, on_completion="keep", after_seconds=60)
    assert (state(http, run), history(http, run)) == (NOTHING, [])
    assert http.delete(thread_path(run)).status_code == 204


# Tasks


def test_a_task_that_failed_shows_its_error_as_python_writes_it(http: httpx.Client) -> None:
    newest = state(http, kept(http, "failing", {"foo": "value"}))
    [task] = newest["tasks"]
    assert list(task) == TASK
    assert (task["name"], task["error"], task["interrupts"]) == ("fail_async", "ValueError('boom')", [])
    assert task["path"] == ["__pregel_pull", "fail_async"]
    assert task["checkpoint"] is task["state"] is task["result"] is None
    assert newest["next"] == ["fail_async"]


def test_a_task_that_asks_shows_what_and_its_id_is_that_of_the_thread(http: httpx.Client) -> None:
    run = kept(http, "asking_twice", {"foo": 1})
    newest = state(http, run)
    assert [(task["name"], [each["value"] for each in task["interrupts"]]) for task in newest["tasks"]] == [
        ("ask", [{"question": "sure?"}]),
        ("ask_more", ["and you?"]),
    ]
    asked = [each for task in newest["tasks"] for each in task["interrupts"]]
    assert all(list(each) == ["value", "id"] and len(each["id"]) == 32 for each in asked)
    assert newest["interrupts"] == asked
    assert {task["id"]: task["interrupts"] for task in newest["tasks"]} == thread(http, run)["interrupts"]
    assert newest["next"] == ["ask", "ask_more"]


def test_a_task_that_is_only_due_shows_nothing_yet(http: httpx.Client) -> None:
    newest = state(http, kept(http, "simple", {"foo": 1}, interrupt_before=["second"]))
    [task] = newest["tasks"]
    assert (task["name"], task["error"], task["interrupts"], task["result"]) == ("second", None, [], None)
    assert newest["next"] == ["second"]


def test_the_result_of_a_task_is_in_the_state_before_it(http: httpx.Client) -> None:
    states = history(http, kept(http, "simple", {"foo": 1}))
    assert [[(task["name"], task["result"]) for task in each["tasks"]] for each in states] == [
        [],
        [("second", {"items": ["b"]})],
        [("first", {"items": ["a"]})],
        [("__start__", {"foo": 1})],
    ]


# Subgraphs


@shows("get_thread_state", "subgraphs")
@pytest.mark.parametrize("query", [{}, {"subgraphs": "false"}])
def test_a_task_that_is_a_subgraph_says_where_its_state_is_kept(http: httpx.Client, query: Json) -> None:
    run = kept(http, "nested_asking", {"foo": 1})
    [task] = state(http, run, **query)["tasks"]
    assert task["state"] is None
    namespace = f"child:{task['id']}"
    assert (task["checkpoint"]["thread_id"], task["checkpoint"]["checkpoint_ns"]) == (run["thread_id"], namespace)


@shows("get_thread_state", "subgraphs")
@pytest.mark.parametrize("spelling", ["true", "1", "yes"])
def test_the_state_of_a_subgraph_is_there_if_it_is_asked_for(http: httpx.Client, spelling: str) -> None:
    run = kept(http, "nested_asking", {"foo": 1})
    [task] = state(http, run, subgraphs=spelling)["tasks"]
    inner = task["state"]
    assert list(inner) == KEYS
    assert (inner["values"], inner["next"]) == ({"foo": 1, "items": []}, ["ask"])
    assert [(each["name"], each["interrupts"]) for each in inner["tasks"]] == [("ask", task["interrupts"])]
    assert inner["checkpoint"]["checkpoint_ns"] == f"child:{task['id']}"
    outer = state(http, run)["checkpoint_id"]
    assert inner["metadata"]["parents"] == {"": outer}
    assert inner["checkpoint"]["checkpoint_map"] == {"": outer, f"child:{task['id']}": inner["checkpoint_id"]}


@shows("get_thread_state", "subgraphs 422")
def test_another_spelling_of_subgraphs_is_refused_by_name(http: httpx.Client) -> None:
    response = http.get(f"{thread_path(new_thread(http))}/state", params={"subgraphs": "maybe"})
    assert response.status_code == 422
    assert "subgraphs" in response.json()["detail"]


# A part of a state


@shows("get_thread_state", "select")
@pytest.mark.parametrize("key", KEYS)
def test_a_state_is_cut_to_a_key(http: httpx.Client, key: str) -> None:
    run = kept(http, "asking", {"foo": 1})
    assert state(http, run, select=key) == {key: state(http, run)[key]}
    assert state(http, new_thread(http), select=key) == {key: NOTHING[key]}


@shows("get_thread_state", "select")
@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (["values.foo", "next"], {"values": {"foo": 1}, "next": ["ask"]}),
        ('["next","values.foo"]', {"values": {"foo": 1}, "next": ["ask"]}),
        ("values.items,values.foo", {"values": {"items": ["a"], "foo": 1}}),
        ("values.nobody", {"values": {}}),
        ('["values.no,body"]', {"values": {}}),  # elsewhere, a comma begins another key
        (["values", "values.foo"], {"values": {"foo": 1, "items": ["a"]}}),
    ],
)
def test_a_state_is_cut_to_several_keys_and_those_of_its_values(
    http: httpx.Client, select: Any, expected: Json
) -> None:
    assert state(http, kept(http, "asking", {"foo": 1}), select=select) == expected


def test_values_that_are_no_object_have_no_keys(http: httpx.Client) -> None:
    run = kept(http, "functional", 21)
    assert state(http, run, select="values") == {"values": 42}
    assert state(http, run, select=["values.foo", "next"]) == {"next": []}


@shows("get_thread_state", "select 422")
@pytest.mark.parametrize("select", ["bogus", "values.", "Values", '["next", "bogus"]', '["next", 5]', "next,bogus"])
def test_another_key_is_refused_by_name(http: httpx.Client, select: str) -> None:
    response = http.get(f"{thread_path(new_thread(http))}/state", params={"select": select})
    assert response.status_code == 422
    assert "select" in response.json()["detail"]


def test_what_is_wrong_with_a_request_is_told_before_what_is_not_found(http: httpx.Client) -> None:
    response = http.get(f"/threads/{uuid4()}/state", params={"select": "bogus"})
    assert response.status_code == 422


@shows("get_thread_state", "subgraphs")
def test_a_subgraph_that_has_not_begun_has_a_place_and_no_state(http: httpx.Client) -> None:
    run = kept(http, "nested", {"foo": 1}, interrupt_before=["child"])
    [task] = state(http, run, subgraphs="true")["tasks"]
    inner = task["state"]
    assert (inner["values"], inner["created_at"], inner["checkpoint_id"]) == ({}, None, None)
    assert inner["checkpoint"]["checkpoint_ns"].startswith("child:")


@shows("get_thread_state get_thread_state_at list_thread_history search_thread_history search_thread_state", "400")
def test_a_state_that_does_not_fit_the_schema_is_no_defect(http: httpx.Client) -> None:
    """The schema has changed since the run, or the run's input was never valid."""
    changed = kept(http, "counting", {"n": 41}, interrupt_before=["again"])
    checkpoint_id = state(http, changed)["checkpoint_id"]
    invalid = kept(http, "counting", {"n": "many"})
    schemas.outdated.add(42)
    answers = [http.get(f"{thread_path(changed)}/state/{checkpoint_id}")]
    for run in (changed, invalid):
        answers += [
            http.get(f"{thread_path(run)}/state"),
            http.get(f"{thread_path(run)}/history"),
            http.post(f"{thread_path(run)}/history", json={}),
            http.post(f"{thread_path(run)}/state/checkpoint", json={"checkpoint": {}}),
        ]
    schemas.outdated.clear()
    assert {answer.status_code for answer in answers} == {400}
    assert all("ValidationError" in answer.json()["detail"] for answer in answers)
    assert (thread(http, invalid)["status"], thread(http, invalid)["values"]) == ("error", {})
    assert state(http, changed)["values"] == {"n": 42}


@shows("get_thread_state list_thread_history", "200")
@pytest.mark.parametrize("graph", ["private", "private_failing", "private_asking"])
def test_the_metadata_of_a_state_names_thread_and_run(http: httpx.Client, graph: str) -> None:
    run = kept(http, graph, {"q": "hi"})
    for each in [state(http, run), *history(http, run, limit=10)]:
        assert {key: each["metadata"][key] for key in ("run_id", "thread_id", "graph_id")} == {
            "run_id": run["run_id"],
            "thread_id": run["thread_id"],
            "graph_id": graph,
        }
