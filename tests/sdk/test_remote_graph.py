"""LangGraph's `RemoteGraph`: a served graph used like a local one, without a thread."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from langgraph.graph import START, StateGraph
from langgraph.pregel.remote import RemoteException, RemoteGraph
from langgraph_sdk import get_client, get_sync_client

from tests.graphs.graphs_under_test import Items
from tests.live import LiveServer

pytestmark = pytest.mark.anyio
RESULT = {"foo": 1, "items": ["a", "b"]}


class Remote:
    """Makes remote graphs that share two clients."""

    def __init__(self, url: str) -> None:
        self.client = get_client(url=url)
        self.sync_client = get_sync_client(url=url)

    def __call__(self, graph: str) -> RemoteGraph:
        return RemoteGraph(graph, client=self.client, sync_client=self.sync_client)


@pytest.fixture
async def remote(server: LiveServer) -> AsyncIterator[Remote]:
    """Remote graphs of the shared server."""
    made = Remote(server.url)
    yield made
    made.sync_client.close()
    await made.client.aclose()


async def test_invoke(remote: Remote) -> None:
    assert remote("simple").invoke({"foo": 1}) == RESULT
    assert await remote("simple").ainvoke({"foo": 1}) == RESULT


async def test_stream(remote: Remote) -> None:
    expected = [{"first": {"items": ["a"]}}, {"second": {"items": ["b"]}}]
    assert list(remote("simple").stream({"foo": 1}, stream_mode="updates")) == expected
    assert [chunk async for chunk in remote("simple").astream({"foo": 1}, stream_mode="updates")] == expected


async def test_stream_of_several_modes(remote: Remote) -> None:
    chunks: list[Any] = [
        chunk async for chunk in remote("builder").astream({"foo": 1}, stream_mode=["values", "custom"])
    ]
    assert [(chunk[0], chunk[1]) for chunk in chunks] == [
        ("values", {"foo": 1, "items": []}),
        ("custom", {"progress": 1}),
        ("values", {"foo": 1, "items": ["a"]}),
    ]


async def test_stream_of_tokens(remote: Remote) -> None:
    given: Any = {"messages": [{"role": "user", "content": "hi"}]}
    chunks: list[Any] = [chunk async for chunk in remote("chat").astream(given, stream_mode="messages")]
    assert [chunk["content"] for chunk, _ in chunks] == ["Hello", " ", "world", "not streamed"]


@pytest.mark.shows("stream_run", "stream_subgraphs")
async def test_stream_of_subgraphs(remote: Remote) -> None:
    chunks: list[Any] = [
        chunk async for chunk in remote("nested").astream({"foo": 1}, stream_mode="updates", subgraphs=True)
    ]
    assert [[part.partition(":")[0] for part in namespace] for namespace, _ in chunks] == [["child"], []]


@pytest.mark.shows("stream_run", "config config.tags config.configurable context")
async def test_config_and_context_reach_the_graph(remote: Remote) -> None:
    result = await remote("echo").ainvoke({}, {"tags": ["t"], "metadata": {"mine": 1}, "configurable": {"a": 1}})
    [seen] = result["items"]
    assert (seen["tags"], seen["metadata"]["mine"], seen["configurable"]["a"]) == (["t"], 1, 1)
    result = await remote("contextual").ainvoke({}, context={"user": "u"})
    assert result["foo"] == {"user": "u", "limit": 3}


async def test_a_failure_is_a_remote_exception(remote: Remote) -> None:
    with pytest.raises(RemoteException, match="boom"):
        await remote("failing").ainvoke({"foo": "value"})


@pytest.mark.shows("stream_run", "interrupt_before")
async def test_a_static_interrupt_stops_the_graph(remote: Remote) -> None:
    assert await remote("simple").ainvoke({"foo": 1}, interrupt_before=["second"]) == {"foo": 1, "items": ["a"]}


async def test_an_interrupt_of_a_remote_node_is_the_parents(remote: Remote) -> None:
    parent = StateGraph(Items)
    parent.add_node("remote", remote("asking"))
    parent.add_edge(START, "remote")
    result = await parent.compile().ainvoke({"foo": 1})
    assert [item.value for item in result["__interrupt__"]] == [{"question": "sure?"}]


async def test_a_remote_graph_is_a_node(remote: Remote) -> None:
    parent = StateGraph(Items)
    parent.add_node("remote", remote("builder"))
    parent.add_edge(START, "remote")
    assert await parent.compile().ainvoke({"foo": 1}) == {"foo": 1, "items": ["a"]}
