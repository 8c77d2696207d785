"""A `RemoteGraph` in `langgraph.json`: its runs are runs of another server."""

from __future__ import annotations

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.cli.processes import Serving, serve
from tests.live import DEADLINE, GRAPHS, LiveServer, serving
from tests.web.calls import names, payloads, stream, wait
from tests.web.creating import PATHS, Creator

AGENT = """
from langgraph.pregel.remote import RemoteGraph

simple = RemoteGraph("simple", url={url!r}, name="elsewhere")
failing = RemoteGraph("failing", url={url!r})
echo = RemoteGraph("echo", url={url!r})
contextual = RemoteGraph("contextual", url={url!r})
nobody = RemoteGraph("nobody", url={url!r})

def made(config):
    return RemoteGraph(config["configurable"].get("which", "simple"), url={url!r})
"""
NAMES = ("echo", "simple", "failing", "contextual", "nobody", "made")


@pytest.fixture(scope="module")
def other() -> Iterator[LiveServer]:
    """The server that the graphs are on."""
    with serving(GRAPHS) as live:
        yield live


@pytest.fixture(scope="module")
def calling(other: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """The server of the project that names them. `RemoteGraph` closes its connections at the end of the process."""
    folder = tmp_path_factory.mktemp("remote")
    (folder / "agent.py").write_text(AGENT.format(url=other.url))
    config = folder / "langgraph.json"
    config.write_text(json.dumps({"graphs": {name: f"./agent.py:{name}" for name in NAMES}}))
    with serve("--port", "0", config=config) as process:
        yield process


@pytest.fixture
def http(calling: Serving) -> Iterator[httpx.Client]:
    """A client of that server."""
    with httpx.Client(base_url=calling.url, timeout=DEADLINE) as client:
        yield client


@pytest.mark.parametrize("operation", PATHS)
@pytest.mark.parametrize("graph", ["simple", "made"])
def test_a_run_is_answered_by_the_other_server(http: httpx.Client, operation: str, graph: str) -> None:
    ended = Creator(http, operation).ended(graph, {"foo": 1})
    assert (ended["status"], ended["values"]) == ("success", {"foo": 1, "items": ["a", "b"]})


def test_what_it_streams_is_the_stream_of_a_subgraph(http: httpx.Client) -> None:
    inside = stream(http, "simple", {"foo": 1}, stream_mode=["values", "updates"], stream_subgraphs=True)
    modes = [name.partition("|")[0] for name in names(inside)]
    assert modes == ["values", "updates", "values", "updates", "values", "updates", "values"]
    alone = stream(http, "simple", {"foo": 1}, stream_mode=["values", "updates"])
    assert names(alone) == ["updates", "values"]
    assert payloads(alone)[0] == {"elsewhere": {"foo": 1, "items": ["a", "b"]}}


def test_a_failure_there_is_one_here(http: httpx.Client) -> None:
    for graph in ("failing", "nobody"):
        assert "__error__" in http.post("/runs/wait", json={"assistant_id": graph, "input": {}}).json()


def test_config_and_context_reach_it(http: httpx.Client) -> None:
    assert wait(http, "made", {"foo": 2}, config={"configurable": {"which": "simple"}})["foo"] == 2
    assert wait(http, "contextual", {}, context={"user": "ana"})["foo"] == {"user": "ana", "limit": 3}


def test_nothing_of_this_server_reaches_the_other(http: httpx.Client) -> None:
    """Its ids, its user and its `user_id`, which would be context there."""
    (shown,) = wait(http, "echo", {}, config={"configurable": {"mine": 1}, "tags": ["a"]})["items"]
    configurable = shown["configurable"]
    assert (configurable["mine"], configurable["user_id"], configurable["graph_id"]) == (1, "", "echo")
    assert shown["tags"] == ["a"]
    (shown,) = wait(http, "echo", {}, config={"configurable": {"user_id": "ana"}})["items"]
    assert shown["configurable"]["user_id"] == "ana"
    # A context of defaults stays one: a `user_id` that this server has made up is no context there.
    assert wait(http, "contextual", {})["foo"] == {"user": "nobody", "limit": 3}


def test_a_kept_run_keeps_what_came_back(http: httpx.Client) -> None:
    ended = Creator(http, "create_run").ended("simple", {"foo": 1}, on_completion="keep")
    state = http.get(f"/threads/{ended['thread_id']}/state").json()
    assert state["values"] == {"foo": 1, "items": ["a", "b"]}


def test_it_is_drawn_as_one_node(http: httpx.Client) -> None:
    (assistant,) = http.post("/assistants/search", json={"graph_id": "simple"}).json()
    drawn = http.get(f"/assistants/{assistant['assistant_id']}/graph").json()
    assert "elsewhere" in [node["id"] for node in drawn["nodes"]]
    assert assistant["name"] == "elsewhere"
