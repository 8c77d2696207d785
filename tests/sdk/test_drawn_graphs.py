"""Drawings of graphs, to each depth: by the SDK and by `RemoteGraph`, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from langchain_core.runnables.graph import Graph
from langgraph.graph import START, StateGraph
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import NotFoundError, UnprocessableEntityError

from tests.graphs.graphs_under_test import Items
from tests.live import GRAPHS, LiveServer, serving
from tests.sdk.remote_graphs import RemoteGraphs

pytestmark = pytest.mark.anyio
UNKNOWN = "00000000-0000-0000-0000-000000000000"
DEPTHS = [(False, "middle"), (1, "middle:inner"), (2, "middle:inner:count"), (True, "middle:inner:count")]
"""Values of `xray`, and the only node that they show."""


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server of its own, for what is created here stays."""
    with serving(GRAPHS.with_name("assistants.json")) as live:
        yield live


async def drawn(remote: RemoteGraphs, name: str, **options: Any) -> Graph:
    """The drawing of a remote graph."""
    graph = remote.graph(name)
    return graph.get_graph(**options) if remote.kind == "sync" else await graph.aget_graph(**options)


# The SDK


@pytest.mark.parametrize(("xray", "node"), DEPTHS)
def test_a_graph_is_drawn_to_a_depth(sdk: SyncLangGraphClient, xray: int | bool, node: str) -> None:
    [assistant] = sdk.assistants.search(graph_id="deep")
    drawing = sdk.assistants.get_graph(assistant["assistant_id"], xray=xray)
    assert {each["id"] for each in drawing["nodes"]} == {"__start__", node, "__end__"}
    assert drawing["edges"] == [{"source": "__start__", "target": node}, {"source": node, "target": "__end__"}]
    assert sdk.assistants.get_graph("deep", xray=xray) == drawing


def test_the_graph_of_a_created_assistant_is_drawn(sdk: SyncLangGraphClient) -> None:
    assistant_id = sdk.assistants.create("simple")["assistant_id"]
    drawing = sdk.assistants.get_graph(assistant_id)
    assert [each["id"] for each in drawing["nodes"]] == ["__start__", "first", "second", "__end__"]
    with pytest.raises(UnprocessableEntityError, match="xray"):
        sdk.assistants.get_graph(assistant_id, xray=0)
    with pytest.raises(NotFoundError, match=UNKNOWN):
        sdk.assistants.get_graph(UNKNOWN)


# RemoteGraph


async def test_a_remote_graph_may_be_an_assistant(remote: RemoteGraphs) -> None:
    created = remote.sync_client.assistants.create("contextual", context={"user": "ana"})
    assistant_id = created["assistant_id"]
    assert (await remote.invoke(assistant_id, {}))["foo"] == {"user": "ana", "limit": 3}
    assert (await remote.invoke(assistant_id, {}, context={"user": "bo"}))["foo"] == {"user": "bo", "limit": 3}
    assert list((await drawn(remote, assistant_id)).nodes) == ["__start__", "show_context", "__end__"]
    remote.sync_client.assistants.delete(assistant_id)
    with pytest.raises(NotFoundError, match=assistant_id):
        await drawn(remote, assistant_id)


@pytest.mark.parametrize(("xray", "node"), DEPTHS)
async def test_a_remote_graph_is_drawn_to_a_depth(remote: RemoteGraphs, xray: int | bool, node: str) -> None:
    graph = await drawn(remote, "deep", xray=xray)
    assert set(graph.nodes) == {"__start__", node, "__end__"}
    assert [(edge.source, edge.target) for edge in graph.edges] == [("__start__", node), (node, "__end__")]
    assert "__start__ --> " in graph.draw_mermaid()


async def test_a_remote_node_is_drawn_in_its_parent(remote: RemoteGraphs) -> None:
    parent = StateGraph(Items).add_node("remote", remote.graph("deep")).add_edge(START, "remote").compile()
    graph = parent.get_graph(xray=True) if remote.kind == "sync" else await parent.aget_graph(xray=True)
    assert "remote:middle:inner:count" in graph.nodes
