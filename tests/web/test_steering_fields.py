"""`checkpoint`, `checkpoint_id`, `langsmith_tracer`, `strict_resume`: fields that SDKs send beside the contract's."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.web.calls import Json, accepted
from tests.web.creating import EVERY, PATHS, Creator
from tests.web.keeping import history, searched, thread

pytestmark = pytest.mark.edge

shows = pytest.mark.shows
SOME_ID = "01a1fcc4-be40-7503-a98b-f479b877e3b9"
OTHER_ID = "1f1e58a6-4c71-6148-8002-1076c7c10a80"
COMPLETIONS = pytest.mark.parametrize("on_completion", ["delete", "keep"])
SERVER = {
    "langgraph_auth_user",
    "langgraph_auth_user_id",
    "langgraph_auth_permissions",
    "langgraph_request_id",
    "__request_start_time_ms__",
    "__after_seconds__",
    "run_id",
    "thread_id",
    "graph_id",
    "assistant_id",
    "user_id",
}
"""The keys that the server writes to every run's `configurable`."""


@pytest.fixture(params=PATHS)
def runs(http: httpx.Client, request: pytest.FixtureRequest) -> Creator:
    """Each operation that creates runs."""
    return Creator(http, request.param)


def configurable(run: Json) -> Json:
    """The keys in a run's `configurable` that come from its request; the claim's own key does not."""
    found: Json = run["kwargs"]["config"]["configurable"]
    return {key: value for key, value in found.items() if key not in SERVER | {"__pregel_node_finished"}}


def seen(run: Json) -> Any:
    """The config that the graph `echo` saw."""
    [config] = run["values"]["items"]
    return config


FIELDS: list[tuple[str, Json, Json]] = [
    ("checkpoint", {"checkpoint": {"checkpoint_id": SOME_ID, "mine": [1]}}, {"checkpoint_id": SOME_ID, "mine": [1]}),
    ("checkpoint", {"checkpoint": {"checkpoint_ns": "child:1"}}, {"checkpoint_ns": "child:1"}),
    ("checkpoint_id", {"checkpoint_id": SOME_ID}, {"checkpoint_id": SOME_ID}),
    ("checkpoint_id", {"checkpoint_id": SOME_ID.upper()}, {"checkpoint_id": SOME_ID.upper()}),
    ("langsmith_tracer", {"langsmith_tracer": {"project_name": "p"}}, {"__langsmith_project__": "p"}),
    ("langsmith_tracer", {"langsmith_tracer": {"example_id": SOME_ID}}, {"__langsmith_example_id__": SOME_ID}),
    (
        "langsmith_tracer",
        {"langsmith_tracer": {"project_name": "p", "example_id": SOME_ID, "other": 1}},
        {"__langsmith_project__": "p", "__langsmith_example_id__": SOME_ID},
    ),
    ("strict_resume", {"strict_resume": True}, {}),
    ("strict_resume", {"strict_resume": False}, {}),
]


@COMPLETIONS
@pytest.mark.parametrize(
    ("fields", "expected"), [pytest.param(*case, marks=shows(EVERY, field)) for field, *case in FIELDS], ids=json.dumps
)
def test_a_field_goes_into_configurable_and_no_other_way(
    runs: Creator, on_completion: str, fields: Json, expected: Json
) -> None:
    """The server ignores none of the fields, and none changes the graph's output."""
    response = accepted(runs.post("simple", {"foo": 1}, on_completion=on_completion, **fields))
    assert "treadle-ignored" not in response.headers
    run = runs.ended("simple", {"foo": 1}, on_completion=on_completion, **fields)
    assert (run["status"], run["values"]) == ("success", {"foo": 1, "items": ["a", "b"]})
    assert configurable(run) == expected
    assert not set(fields) & {*run, *run["kwargs"], *run["kwargs"]["config"]}


@COMPLETIONS
@shows(EVERY, "checkpoint langsmith_tracer")
def test_the_graph_sees_what_the_fields_say(runs: Creator, on_completion: str) -> None:
    """Except a checkpoint's own keys: LangGraph overwrites them for each node, and shows them in the metadata."""
    fields: Json = {
        "checkpoint": {"checkpoint_id": SOME_ID, "mine": [1]},
        "langsmith_tracer": {"project_name": "p", "example_id": SOME_ID},
    }
    config = seen(runs.ended("echo", {}, on_completion=on_completion, **fields))
    assert config["configurable"]["mine"] == [1]
    assert config["configurable"]["__langsmith_project__"] == "p"
    assert config["configurable"]["__langsmith_example_id__"] == SOME_ID
    assert config["metadata"]["checkpoint_id"] == SOME_ID


@shows(EVERY, "checkpoint")
def test_what_the_server_writes_beats_a_checkpoint(runs: Creator) -> None:
    reserved = {"__pregel_node_finished", "__context_provided__", "__otel_x", "__langsmith_project__"}
    run = runs.ended("echo", {}, checkpoint=dict.fromkeys(SERVER | reserved, "x") | {"mine": 1})
    assert configurable(run) == {"mine": 1}
    found = run["kwargs"]["config"]["configurable"]
    assert "x" not in found.values()
    assert (found["run_id"], found["thread_id"]) == (run["run_id"], run["thread_id"])
    inside = seen(run)["configurable"]
    assert "x" not in inside.values()
    assert (inside["run_id"], inside["thread_id"]) == (run["run_id"], run["thread_id"])


@shows(EVERY, "checkpoint")
def test_a_checkpoint_beats_the_requests_own_configurable(runs: Creator) -> None:
    config = {"configurable": {"checkpoint_id": OTHER_ID, "mine": 1, "yours": 2}}
    run = runs.ended("simple", {"foo": 1}, config=config, checkpoint={"checkpoint_id": SOME_ID, "mine": 3})
    assert configurable(run) == {"checkpoint_id": SOME_ID, "mine": 3, "yours": 2}


@shows(EVERY, "checkpoint_id")
def test_an_id_beside_a_checkpoint_is_the_one_that_counts(runs: Creator) -> None:
    fields: Json = {"checkpoint": {"checkpoint_id": OTHER_ID, "checkpoint_ns": ""}, "checkpoint_id": SOME_ID}
    run = runs.ended("simple", {"foo": 1}, **fields)
    assert configurable(run) == {"checkpoint_id": SOME_ID, "checkpoint_ns": ""}


@shows(EVERY, "langsmith_tracer")
def test_only_the_tracer_says_where_a_trace_goes(runs: Creator) -> None:
    own = {"__langsmith_project__": "x", "__langsmith_example_id__": "x"}
    run = runs.ended("simple", {"foo": 1}, config={"configurable": own}, langsmith_tracer={"project_name": "p"})
    assert configurable(run) == {"__langsmith_project__": "p"}


@COMPLETIONS
@pytest.mark.parametrize("nothing", [None, {}, [], "", 0, False], ids=json.dumps)
@shows(EVERY, "checkpoint checkpoint_id langsmith_tracer strict_resume")
def test_nothing_is_as_good_as_no_field(runs: Creator, on_completion: str, nothing: Any) -> None:
    fields = dict.fromkeys(["checkpoint", "checkpoint_id", "langsmith_tracer", "strict_resume"], nothing)
    run = runs.ended("simple", {"foo": 1}, on_completion=on_completion, **fields)
    assert (run["status"], configurable(run)) == ("success", {})


@shows(EVERY, "checkpoint checkpoint_id")
@pytest.mark.parametrize(
    "fields", [{"checkpoint_id": SOME_ID}, {"checkpoint": {"checkpoint_id": SOME_ID, "checkpoint_ns": "a|b"}}]
)
def test_a_kept_run_begins_anew_in_its_own_thread(runs: Creator, fields: Json) -> None:
    """The thread has no such checkpoint, and its states are those of the graph itself."""
    run = runs.ended("simple", {"foo": 1}, on_completion="keep", **fields)
    assert thread(runs.http, run)["values"] == {"foo": 1, "items": ["a", "b"]}
    states = history(runs.http, run)
    assert [each["metadata"]["step"] for each in states] == [2, 1, 0, -1]
    assert {each["checkpoint"]["checkpoint_ns"] for each in states} == {""}
    assert SOME_ID not in [each["checkpoint_id"] for each in states]


@shows(EVERY, "checkpoint")
def test_no_state_of_another_thread_is_reached(runs: Creator) -> None:
    """Neither by its checkpoint's address nor by the thread's id."""
    other = runs.ended("simple", {"foo": "other"}, on_completion="keep")
    [newest] = searched(runs.http, other)
    run = runs.ended("simple", {}, on_completion="keep", checkpoint=newest["checkpoint"])
    assert run["values"] == {"items": ["a", "b"]}
    assert thread(runs.http, run)["values"] == {"items": ["a", "b"]}
    assert searched(runs.http, other) == [newest]


WRONG: dict[str, list[Any]] = {
    "checkpoint": ["x", 5, [1], True],
    "checkpoint_id": ["bogus", 5, ["x"], {"a": 1}, True, "0" * 31],
    "langsmith_tracer": ["x", 5, ["a"], True],
}
INSIDE: list[tuple[str, Json]] = [
    *[("checkpoint_id", {"checkpoint": {"checkpoint_id": value}}) for value in ("bogus", 5, [1])],
    ("langsmith_tracer.project_name", {"langsmith_tracer": {"project_name": 5}}),
    *[("langsmith_tracer.example_id", {"langsmith_tracer": {"example_id": value}}) for value in (5, "bogus")],
]


@shows(EVERY, "checkpoint checkpoint_id langsmith_tracer 422")
@pytest.mark.parametrize(
    ("named", "fields"),
    [*[(field, {field: value}) for field, values in WRONG.items() for value in values], *INSIDE],
    ids=json.dumps,
)
def test_an_invalid_value_is_refused_by_name(runs: Creator, named: str, fields: Json) -> None:
    response = runs.post("simple", {"foo": 1}, **fields)
    assert response.status_code == 422
    item = "[0]." if runs.operation == "create_run_batch" else ""
    assert response.json()["detail"].startswith(f"{item}{named}: ")


@shows(EVERY, "checkpoint 422")
def test_nul_in_a_key_of_a_checkpoint_is_refused_as_in_configurable(runs: Creator) -> None:
    """A checkpoint's keys go into `configurable`, so the same rule holds for both."""
    response = runs.post("simple", {"foo": 1}, checkpoint={"a\0b": 1})
    assert response.status_code == 422
    assert "checkpoint" in response.json()["detail"]


def test_each_item_of_a_batch_has_its_own_fields(http: httpx.Client) -> None:
    items: list[Json] = [{"langsmith_tracer": {"project_name": "p"}}, {"checkpoint_id": SOME_ID}, {}]
    body = [{"assistant_id": "simple", "input": {"foo": 1}, **each} for each in items]
    found = [configurable(run) for run in accepted(http.post("/runs/batch", json=body)).json()]
    assert found == [{"__langsmith_project__": "p"}, {"checkpoint_id": SOME_ID}, {}]
