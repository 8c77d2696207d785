"""Drawings of the graphs of assistants, and the factories that make graphs to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.graphs.inspected import requests
from tests.live import LiveServer, serving
from tests.web.assistants import INSPECTED, assistant_path, default_of, new_assistant, refusal
from tests.web.calls import UNKNOWN, Json, accepted, create, wait
from tests.web.keeping import history, kept, new_thread, searched, state, superstep, thread_path, update

shows = pytest.mark.shows


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server of its own, for what is created here stays."""
    with serving(INSPECTED) as live:
        yield live


def drawn(http: httpx.Client, name: str, **query: Any) -> Json:
    """What `GET .../graph` answers with."""
    found: Json = accepted(http.get(f"/assistants/{name}/graph", params=query)).json()
    return found


def nodes(drawing: Json) -> list[str]:
    """The names of the nodes, without start and end."""
    return sorted(node["id"] for node in drawing["nodes"] if not node["id"].startswith("__"))


# Nodes and edges


@shows("get_assistant_graph", "assistant_id 200")
def test_a_graph_has_nodes_and_edges(http: httpx.Client) -> None:
    """By the id of an assistant, or by the name of a graph."""
    by_name = drawn(http, "family")
    assert by_name == {
        "nodes": [
            {"id": "__start__", "type": "runnable", "data": {"name": "__start__"}},
            {"id": "left", "type": "runnable", "data": {"name": "left"}},
            {"id": "right", "type": "runnable", "data": {"name": "right"}},
            {"id": "__end__"},
        ],
        "edges": [
            {"source": "__start__", "target": "left"},
            {"source": "left", "target": "right"},
            {"source": "right", "target": "__end__"},
        ],
    }
    assert drawn(http, default_of(http, "family")["assistant_id"]) == by_name
    assert drawn(http, new_assistant(http, "family")["assistant_id"]) == by_name


@shows("get_assistant_graph", "xray")
@pytest.mark.parametrize(
    ("xray", "shown"),
    [
        (None, ["left", "right"]),
        ("false", ["left", "right"]),
        ("False", ["left", "right"]),
        ("1", ["left:after", "left:inner", "right:tell"]),
        ("2", ["left:after", "left:inner:tell", "right:tell"]),
        ("100", ["left:after", "left:inner:tell", "right:tell"]),
        ("true", ["left:after", "left:inner:tell", "right:tell"]),
        ("True", ["left:after", "left:inner:tell", "right:tell"]),
    ],
)
def test_a_graph_is_drawn_to_a_depth(http: httpx.Client, xray: str | None, shown: list[str]) -> None:
    assert nodes(drawn(http, "family", **({} if xray is None else {"xray": xray}))) == shown


@shows("get_assistant_graph", "422")
@pytest.mark.parametrize("xray", ["0", "-1", "1.5", "deep", "yes", "null"])
def test_no_such_depth(http: httpx.Client, xray: str) -> None:
    assert "xray" in refusal(http.get("/assistants/family/graph", params={"xray": xray}), 422)


def test_a_functional_graph_has_one_node(http: httpx.Client) -> None:
    assert nodes(drawn(http, "functional")) == ["functional"]


@shows("get_assistant_graph", "404 422")
def test_the_graph_of_nobody(http: httpx.Client) -> None:
    assert UNKNOWN in refusal(http.get(f"/assistants/{UNKNOWN}/graph"), 404)
    assert "'nobody'" in refusal(http.get("/assistants/nobody/graph"), 422)


# Factories


@shows("get_assistant_graph get_assistant_schemas list_assistant_subgraphs get_assistant_subgraph", "500")
@pytest.mark.parametrize("part", ["graph", "schemas", "subgraphs", "subgraphs/any"])
def test_a_factory_that_fails_is_named_and_keeps_its_secrets(http: httpx.Client, part: str) -> None:
    for graph, error in (("failing", "OwnError"), ("misguided", "TypeError")):
        detail = refusal(http.get(f"{assistant_path(default_of(http, graph))}/{part}"), 500)
        assert error in detail and "no graph today" not in detail
    assert nodes(drawn(http, "told")) == ["tell"]


@pytest.mark.parametrize("part", ["graph", "schemas", "subgraphs"])
def test_a_factory_knows_that_its_graph_is_only_looked_at(http: httpx.Client, part: str) -> None:
    made = new_assistant(http, "factory", context={"label": "mine"}, metadata={"mark": "m"})
    found = accepted(http.get(f"{assistant_path(made)}/{part}")).json()
    assert requests[-1] == {
        "for_execution": False,
        "access": "assistants.read",
        "execution": None,
        "label": "mine",
        "assistant_id": made["assistant_id"],
        "mark": "m",
    }
    assert part != "graph" or nodes(found) == ["mine"]


def test_a_factory_knows_that_its_graph_is_run(http: httpx.Client) -> None:
    made = new_assistant(http, "factory", context={"label": "mine"}, metadata={"mark": "m"})
    running = {"for_execution": True, "access": "threads.create_run", "execution": "User"}
    asked = {**running, "label": "mine", "assistant_id": made["assistant_id"], "mark": "m"}
    assert wait(http, made["assistant_id"], {})["said"] == asked
    assert wait(http, made["assistant_id"], {}, context={"label": "other"})["said"] == {**asked, "label": "other"}


def test_a_factory_knows_that_the_state_of_a_thread_is_read(http: httpx.Client) -> None:
    made = new_assistant(http, "factory", context={"label": "mine"})
    run = kept(http, made["assistant_id"], {})
    for read in (state, history, searched):
        asked = len(requests)
        assert read(http, run)
        assert len(requests) == asked + 1
        looking = {"for_execution": False, "access": "threads.read", "execution": None}
        assert requests[-1].items() >= {**looking, "label": "mine"}.items()


def test_a_factory_knows_that_a_state_is_written(http: httpx.Client) -> None:
    made = new_thread(
        http, metadata={"graph_id": "factory"}, supersteps=[superstep(update("unlabelled", {"said": "written"}))]
    )
    assert requests[-1].items() >= {"for_execution": False, "access": "threads.update", "execution": None}.items()
    assert accepted(http.get(thread_path(made))).json()["values"] == {"said": "written"}


def test_looking_does_not_disturb_runs(http: httpx.Client) -> None:
    run = create(http, "family", {}, on_completion="keep")
    assert len(drawn(http, "family", xray="true")["nodes"]) == 5
    assert accepted(http.get(f"/runs/{run['run_id']}/join")).json()["said"]
