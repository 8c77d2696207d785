"""`config`, `configurable` and `context`: merged, kept, reserved, and seen by the graph."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import serving
from tests.web.calls import Json, create, ended, wait


def configurable_of(run: Any) -> Any:
    return run["kwargs"]["config"]["configurable"]


def test_config_keys_are_kept_as_they_are(http: httpx.Client) -> None:
    config = {"tags": ["a"], "recursion_limit": 7, "max_concurrency": 2, "run_name": "mine"}
    shown = create(http, "simple", config=config)["kwargs"]["config"]
    assert {key: shown[key] for key in config} == config


RESERVED = [
    "langgraph_auth_user",
    "langgraph_auth_user_id",
    "langgraph_auth_permissions",
    "langgraph_request_id",
    "__langsmith_project__",
    "__langsmith_example_id__",
    "__request_start_time_ms__",
    "__after_seconds__",
    "__otel_traceparent__",
    "__dd_trace_headers__",
    "__pregel_node_finished",
    "__context_provided__",
]


@pytest.mark.parametrize("field", ["configurable", "context"])
def test_reserved_keys_are_dropped(http: httpx.Client, field: str) -> None:
    given = {**dict.fromkeys(RESERVED, "forged"), "mine": 1}
    fields = {"context": given} if field == "context" else {"config": {"configurable": given}}
    run = create(http, "simple", **fields)
    assert "forged" not in configurable_of(run).values()
    assert configurable_of(run)["mine"] == 1
    assert run["kwargs"]["context"] == {"mine": 1}


def test_ids_in_configurable_are_the_servers(http: httpx.Client) -> None:
    forged = dict.fromkeys(["run_id", "thread_id", "graph_id", "assistant_id"], "forged")
    run = create(http, "simple", config={"configurable": forged})
    expected = {**{key: run[key] for key in ("run_id", "thread_id", "assistant_id")}, "graph_id": "simple"}
    assert {key: configurable_of(run)[key] for key in forged} == expected


@pytest.mark.parametrize("key", ["user_id", "cron_id", "__pregel_mine", "thread_ts"])
def test_other_keys_in_configurable_are_the_callers(http: httpx.Client, key: str) -> None:
    """Recorded: `user_id`, `cron_id` and `__pregel_*` are neither dropped nor overwritten."""
    assert configurable_of(create(http, "simple", config={"configurable": {key: "mine"}}))[key] == "mine"


@pytest.mark.shows("create_run", "context config.configurable")
def test_context_and_configurable_are_merged_into_each_other(http: httpx.Client) -> None:
    run = create(http, "simple", config={"configurable": {"a": 1, "same": [1]}}, context={"b": 2, "same": [1]})
    assert run["kwargs"]["context"] == {"a": 1, "b": 2, "same": [1]}
    shown = configurable_of(run)
    assert (shown["a"], shown["b"], shown["same"], shown["__context_provided__"]) == (1, 2, [1], True)


@pytest.mark.shows("create_run", "400")
@pytest.mark.parametrize(("one", "other"), [("u", "v"), (1, "1"), (None, {}), (1, True), ({"a": 0}, {"a": False})])
def test_two_different_values_of_one_key_are_refused_by_name(http: httpx.Client, one: Any, other: Any) -> None:
    body = {"assistant_id": "simple", "config": {"configurable": {"user": one}}, "context": {"user": other}}
    response = http.post("/runs", json=body)
    assert response.status_code == 400
    assert "context.user" in response.json()["detail"]


@pytest.mark.shows("wait_run", "context config.configurable")
@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ({}, {"user": "nobody", "limit": 3}),
        ({"context": {"user": "u", "unknown": 1}}, {"user": "u", "limit": 3}),
        ({"config": {"configurable": {"user": "u", "unknown": 1}}}, {"user": "u", "limit": 3}),
        ({"config": {"configurable": {}}, "context": {"limit": 5}}, {"user": "nobody", "limit": 5}),
        ({"config": {"configurable": {"user": "u"}}, "context": {"limit": 5}}, {"user": "u", "limit": 5}),
    ],
)
def test_the_graph_sees_its_context(http: httpx.Client, fields: Any, seen: Any) -> None:
    assert wait(http, "contextual", {}, **fields)["foo"] == seen


def test_a_node_finds_the_id_of_its_run(http: httpx.Client) -> None:
    run = create(http, "looking", {"foo": 1})
    seen = ended(http, run["run_id"])["values"]["foo"]
    assert seen["run_id"] == seen["configurable"]["run_id"] == run["run_id"]


@pytest.mark.shows("wait_run", "context")
@pytest.mark.parametrize("graph", ["looking", "looking_typed", "looking_typed_by_extensions"])
@pytest.mark.parametrize("context", [{"zzz": 1}, {"name": "n"}, {"name": "n", "zzz": [1]}])
def test_a_context_reaches_the_graph_as_it_came(http: httpx.Client, graph: str, context: Json) -> None:
    """With keys that the schema's TypedDict does not name, and without the server's note about it."""
    seen = wait(http, graph, {"foo": 1}, context=context)["foo"]
    assert seen["context"] == context
    assert "__context_provided__" not in seen["configurable"]
    assert seen["configurable"].keys() >= context.keys()


@pytest.mark.parametrize("graph", ["looking", "looking_typed", "looking_typed_by_extensions"])
def test_no_context_is_none(http: httpx.Client, graph: str) -> None:
    assert wait(http, graph, {"foo": 1})["foo"]["context"] is None


CHANGING = """
from typing import Any, TypedDict
from langgraph.graph import START, StateGraph

class State(TypedDict, total=False):
    items: list[Any]

def node(state, runtime):
    state["items"].append("changed")
    runtime.context["items"].append("changed")
    return {}

graph = StateGraph(State, context_schema=dict).add_node(node).add_edge(START, "node").compile()
"""


@pytest.mark.parametrize("store", ["memory", "sqlite"])
def test_what_a_node_changes_is_not_what_the_client_sent(tmp_path: Path, store: str) -> None:
    (tmp_path / "agent.py").write_text(CHANGING)
    (tmp_path / "langgraph.json").write_text('{"graphs": {"agent": "./agent.py:graph"}}')
    uri = "memory://" if store == "memory" else f"sqlite:///{tmp_path}/runs.db"
    with serving(tmp_path / "langgraph.json", database_uri=uri) as live, live.client() as http:
        run = create(http, "agent", {"items": [1]}, context={"items": []}, on_completion="keep")
        ended(http, run["run_id"])
        shown = http.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}").json()["kwargs"]
    assert (shown["input"], shown["context"]) == ({"items": [1]}, {"items": []})
