"""Everything that `RemoteGraph` takes when it is invoked or streamed without a thread, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from langgraph.errors import GraphInterrupt
from langgraph.graph import START, StateGraph
from langgraph.pregel.remote import RemoteException
from langgraph.types import Command
from langgraph_sdk.errors import BadRequestError, NotFoundError, UnprocessableEntityError

from tests.graphs.graphs_under_test import Items
from tests.sdk.remote_graphs import RemoteGraphs

pytestmark = pytest.mark.anyio
HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
RESULT = {"foo": 1, "items": ["a", "b"]}
UNKNOWN = "00000000-0000-0000-0000-000000000000"


# Output


async def test_an_invocation_returns_the_last_values(remote: RemoteGraphs) -> None:
    assert await remote.invoke("simple", {"foo": 1}) == RESULT


@pytest.mark.parametrize(
    ("mode", "graph", "count"),
    [
        ("values", "simple", 3),
        ("updates", "simple", 2),
        ("tasks", "simple", 4),
        ("debug", "simple", 4),
        ("custom", "simple", 1),
        ("checkpoints", "simple", 0),  # a thread that is deleted with its run has none
        ("messages", "chat", 4),
        ("messages-tuple", "chat", 4),
    ],
)
async def test_a_stream_has_the_one_mode_asked_for(remote: RemoteGraphs, mode: str, graph: str, count: int) -> None:
    """RemoteGraph asks the server for `updates` as well, and does not pass them on."""
    given = HELLO if graph == "chat" else {"foo": 1}
    assert len(await remote.stream(graph, given, stream_mode=mode)) == count


async def test_a_stream_of_several_modes_names_them(remote: RemoteGraphs) -> None:
    chunks = await remote.stream("builder", {"foo": 1}, stream_mode=["values", "custom"])
    assert [chunk[:2] for chunk in chunks] == [
        ("values", {"foo": 1, "items": []}),
        ("custom", {"progress": 1}),
        ("values", {"foo": 1, "items": ["a"]}),
    ]


async def test_subgraphs_are_streamed_with_their_namespace(remote: RemoteGraphs) -> None:
    chunks = await remote.stream("nested", {"foo": 1}, stream_mode=["updates", "custom"], subgraphs=True)
    assert [([part.partition(":")[0] for part in namespace], mode) for namespace, mode, _ in chunks] == [
        (["child"], "custom"),
        (["child"], "updates"),
        ([], "updates"),
    ]
    assert len(await remote.stream("nested", {"foo": 1}, stream_mode="updates")) == 1


async def test_tokens_of_subgraphs_come_with_their_namespace(remote: RemoteGraphs) -> None:
    chunks = await remote.stream("nested_chat", HELLO, stream_mode="messages", subgraphs=True)
    assert [message["content"] for _, (message, _) in chunks] == ["Hello", " ", "world"]


async def test_the_second_version_tells_interrupts_apart(remote: RemoteGraphs) -> None:
    chunks = await remote.stream("asking", {"foo": 1}, stream_mode="values", version="v2")
    assert {chunk["type"] for chunk in chunks} == {"values"}
    assert [item.value for item in chunks[-1]["interrupts"]] == [{"question": "sure?"}]
    assert chunks[-1]["data"] == {"foo": 1, "items": ["a"]}


# Input


async def test_config_reaches_the_graph(remote: RemoteGraphs) -> None:
    config: Any = {"tags": ["t"], "metadata": {"mine": 1}, "configurable": {"a": 1}}
    [seen] = (await remote.invoke("echo", {}, config))["items"]
    assert (seen["tags"], seen["metadata"]["mine"], seen["configurable"]["a"]) == (["t"], 1, 1)
    assert (await remote.invoke("factory", {}, {"configurable": {"label": "mine"}}))["items"] == ["mine"]


async def test_the_config_of_the_remote_graph_is_merged_with_that_of_the_call(remote: RemoteGraphs) -> None:
    graph = remote.graph("echo", {"metadata": {"first": 1}}).with_config(configurable={"second": 2})
    config: Any = {"metadata": {"third": 3}}
    output: Any = graph.invoke({}, config) if remote.kind == "sync" else await graph.ainvoke({}, config)
    [seen] = output["items"]
    assert (seen["metadata"]["first"], seen["configurable"]["second"], seen["metadata"]["third"]) == (1, 2, 3)


async def test_context_reaches_the_graph_beside_a_configurable(remote: RemoteGraphs) -> None:
    result = await remote.invoke("contextual", {}, {"configurable": {"limit": 5}}, context={"user": "u"})
    assert result["foo"] == {"user": "u", "limit": 5}


async def test_a_recursion_limit_is_the_runs(remote: RemoteGraphs) -> None:
    given = {"count": 5, "size": 0}
    assert (await remote.invoke("laps", given, {"recursion_limit": 6}))["count"] == 0
    with pytest.raises(RemoteException, match="GraphRecursionError"):
        await remote.invoke("laps", given, {"recursion_limit": 5})


@pytest.mark.parametrize("update", [{"foo": 1}, [("foo", 1)]], ids=["as a mapping", "as pairs"])
async def test_a_command_steers_the_graph(remote: RemoteGraphs, update: Any) -> None:
    assert await remote.invoke("simple", Command(update=update)) == RESULT
    assert (await remote.invoke("simple", Command(update=update, goto="second")))["items"] == ["a", "b", "b"]


async def test_headers_and_the_fields_of_a_run_are_passed_on(remote: RemoteGraphs) -> None:
    created: list[Any] = []
    options: dict[str, Any] = {"metadata": {"mine": 1}, "on_completion": "keep", "on_run_created": created.append}
    [seen] = (await remote.invoke("echo", {}, headers={"x-request-id": "r"}, **options))["items"]
    assert (seen["configurable"]["langgraph_request_id"], seen["metadata"]["mine"]) == ("r", 1)
    run: Any = remote.sync_client.http.get(f"/runs/{created[0]['run_id']}")
    assert remote.sync_client.runs.get(run["thread_id"], run["run_id"])["status"] == "success"


# Interrupts


@pytest.mark.parametrize(
    "options", [{"interrupt_before": ["second"]}, {"interrupt_after": ["first"]}, {"interrupt_after": "*"}], ids=str
)
async def test_a_static_interrupt_stops_the_graph(remote: RemoteGraphs, options: Any) -> None:
    assert await remote.invoke("simple", {"foo": 1}, **options) == {"foo": 1, "items": ["a"]}


@pytest.mark.parametrize("graph", ["asking", "nested_asking"])
async def test_an_interrupt_is_part_of_the_output(remote: RemoteGraphs, graph: str) -> None:
    output = await remote.invoke(graph, {"foo": 1})
    assert ([item["value"] for item in output["__interrupt__"]], output["foo"]) == ([{"question": "sure?"}], 1)


async def test_several_interrupts_are_streamed_one_by_one(remote: RemoteGraphs) -> None:
    chunks = await remote.stream("asking_twice", {"foo": 1}, stream_mode="values")
    found = [item["value"] for chunk in chunks for item in chunk.get("__interrupt__", [])]
    assert sorted(found, key=str) == ["and you?", {"question": "sure?"}]


async def test_an_interrupt_inside_another_graph_is_raised(remote: RemoteGraphs) -> None:
    config: Any = {"configurable": {"checkpoint_ns": "parent:1"}}
    with pytest.raises(GraphInterrupt) as raised:
        await remote.invoke("asking", {"foo": 1}, config)
    [interrupt] = raised.value.args[0]
    assert interrupt.value == {"question": "sure?"}


async def test_a_remote_node_interrupts_its_parent(remote: RemoteGraphs) -> None:
    parent = StateGraph(Items)
    parent.add_node("remote", remote.graph("asking"))
    parent.add_edge(START, "remote")
    graph = parent.compile()
    result: Any = graph.invoke({"foo": 1}) if remote.kind == "sync" else await graph.ainvoke({"foo": 1})
    assert [item.value for item in result["__interrupt__"]] == [{"question": "sure?"}]


# Failures


@pytest.mark.parametrize(
    ("given", "said"),
    [({"foo": "value"}, "boom"), ({"foo": "own"}, "An internal error occurred"), (None, "EmptyInput")],
)
async def test_a_failed_run_is_a_remote_exception(remote: RemoteGraphs, given: Any, said: str) -> None:
    with pytest.raises(RemoteException, match=said):
        await remote.invoke("failing", given)
    with pytest.raises(RemoteException, match=said):
        await remote.stream("failing", given, stream_mode="custom")


@pytest.mark.parametrize(
    ("graph", "given", "error"),
    [
        ("nobody", {}, UnprocessableEntityError),
        (UNKNOWN, {}, NotFoundError),
        ("simple", Command(resume="yes"), BadRequestError),
    ],
)
async def test_a_refused_run_is_an_error_of_the_sdk(
    remote: RemoteGraphs, graph: str, given: Any, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await remote.invoke(graph, given)
