"""The nine stream modes: event names, payloads and order."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.web.calls import LANGGRAPH, names, payloads, stream

HELLO = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.mark.shows("stream_run", "stream_mode=values")
def test_values_are_the_whole_state_after_the_input_and_each_step(http: httpx.Client) -> None:
    events = stream(http, "simple", {"foo": 1}, stream_mode="values")
    assert names(events) == ["values"] * 3
    assert payloads(events) == [{"foo": 1, "items": items} for items in ([], ["a"], ["a", "b"])]


def test_an_empty_input_gives_no_values(http: httpx.Client) -> None:
    assert payloads(stream(http, "simple", {})) == [{"items": ["a"]}, {"items": ["a", "b"]}]


@pytest.mark.shows("stream_run", "stream_mode=updates")
def test_updates_are_one_event_for_each_node(http: httpx.Client) -> None:
    events = stream(http, "simple", {"foo": 1}, stream_mode="updates")
    assert names(events) == ["updates", "updates"]
    assert payloads(events) == [{"first": {"items": ["a"]}}, {"second": {"items": ["b"]}}]


def test_updates_of_parallel_nodes_come_singly_and_none_is_null(http: httpx.Client) -> None:
    updates = payloads(stream(http, "forked", {"foo": 1}, stream_mode="updates"))
    assert sorted(updates, key=str) == [{"first": {"items": ["a"]}}, {"right": None}]


@pytest.mark.shows("stream_run", "stream_mode=custom")
def test_custom_is_whatever_was_written(http: httpx.Client) -> None:
    written: list[Any] = [None, 1, 1.5, "text", True, [], {"a": [{}]}]
    events = stream(http, "writing", {"foo": written}, stream_mode="custom")
    assert names(events) == ["custom"] * len(written)
    assert payloads(events) == written


METADATA = {
    "created_by": "system",
    "run_attempt": 1,
    "langgraph_plan": "treadle",
    "langgraph_host": "self-hosted",
    "graph_id": "builder",
    "mine": 1,
}


@pytest.mark.shows("stream_run", "stream_mode=tasks metadata")
def test_tasks_are_a_start_and_a_result_for_each_node(http: httpx.Client) -> None:
    events = stream(http, "builder", {"foo": 1}, stream_mode="tasks", metadata={"mine": 1})
    assert names(events) == ["tasks", "tasks"]
    start, result = payloads(events)
    assert list(start) == ["id", "name", "input", "triggers", "metadata"]
    assert (start["name"], start["input"], start["triggers"]) == ("first", {"foo": 1, "items": []}, ["branch:to:first"])
    assert {key: start["metadata"].get(key) for key in METADATA} == METADATA
    assert "thread_id" not in start["metadata"]
    expected = {"id": start["id"], "name": "first", "error": None, "result": {"items": ["a"]}, "interrupts": []}
    assert list(result.items()) == list(expected.items())


def test_a_failed_task_says_so(http: httpx.Client) -> None:
    result = payloads(stream(http, "failing", {"foo": "value"}, stream_mode="tasks"))[1]
    if LANGGRAPH < (1, 2, 18):
        assert (result["error"], result.get("result")) == ("ValueError", None)
    else:
        assert (result["error"], result["result"]) == ({"error": "ValueError", "message": "boom"}, {})


@pytest.mark.shows("stream_run", "stream_mode=debug")
def test_debug_wraps_tasks(http: httpx.Client) -> None:
    events = stream(http, "builder", {"foo": 1}, stream_mode="debug")
    assert names(events) == ["debug", "debug"]
    start, result = payloads(events)
    assert list(start) == list(result) == ["step", "timestamp", "type", "payload"]
    assert (start["type"], result["type"]) == ("task", "task_result")
    assert list(start["payload"]) == ["id", "name", "input", "triggers", "metadata"]
    assert list(result["payload"]) == ["id", "name", "error", "result", "interrupts"]


def test_a_run_without_thread_has_no_checkpoints(http: httpx.Client) -> None:
    assert names(stream(http, "simple", {"foo": 1}, stream_mode="checkpoints")) == []


@pytest.mark.shows("stream_run", "stream_mode=checkpoints on_completion=keep")
def test_a_kept_run_has_checkpoints(http: httpx.Client) -> None:
    events = stream(http, "builder", {"foo": 1}, stream_mode="checkpoints", on_completion="keep")
    assert names(events) == ["checkpoints"] * 3
    first, second, last = payloads(events)
    for checkpoint in (first, second, last):
        assert set(checkpoint) == {"config", "metadata", "values", "next", "parent_config", "tasks"}
    assert (first["metadata"], first["next"]) == ({"source": "input", "step": -1, "parents": {}}, ["__start__"])
    assert (last["metadata"]["step"], last["next"], last["values"]) == (1, [], {"foo": 1, "items": ["a"]})
    assert list(second["tasks"][0]) == ["id", "name", "interrupts", "state"]


def test_debug_of_a_kept_run_has_checkpoints_too(http: httpx.Client) -> None:
    events = payloads(stream(http, "builder", {"foo": 1}, stream_mode="debug", on_completion="keep"))
    kinds = [event["type"] for event in events]
    assert kinds == ["checkpoint", "checkpoint", "task", "task_result", "checkpoint"]
    recorded = {"config", "metadata", "values", "next", "parent_config", "tasks", "checkpoint", "parent_checkpoint"}
    payload = events[1]["payload"]
    assert set(payload) == recorded
    assert list(payload["checkpoint"]) == ["checkpoint_id", "thread_id", "checkpoint_ns"]


@pytest.mark.shows("stream_run", "stream_mode=events")
def test_events_are_langchains(http: httpx.Client) -> None:
    events = stream(http, "chat", HELLO, stream_mode="events")
    assert set(names(events)) == {"events"}
    seen = payloads(events)
    for event in seen:
        assert set(event) == {"event", "name", "run_id", "tags", "metadata", "parent_ids", "data"}
    assert [event["event"] for event in seen if event["name"] == "GenericFakeChatModel"] == [
        "on_chat_model_start",
        *["on_chat_model_stream"] * 3,
        "on_chat_model_end",
    ]
    assert (seen[0]["event"], seen[-1]["event"]) == ("on_chain_start", "on_chain_end")


@pytest.mark.shows("stream_run", "stream_mode=events")
def test_events_of_the_root_have_the_id_of_the_run_and_the_name_of_the_graph(http: httpx.Client) -> None:
    for graph, name in (("new_graph", "New Graph"), ("private", "private")):
        events = stream(http, graph, {"q": "hi", "foo": 1}, stream_mode="events")
        first, last = events[1][1], events[-1][1]
        run_id = events[0][1]["run_id"]
        assert (first["run_id"], last["run_id"]) == (run_id, run_id)
        assert (first["name"], last["name"]) == (name, name)
        assert all(run_id in event["parent_ids"] for event in payloads(events)[1:-1])


@pytest.mark.parametrize("subgraphs", [False, True])
@pytest.mark.parametrize(
    "others", [[], ["values", "updates", "custom", "messages-tuple"]], ids=["alone", "among others"]
)
def test_none_of_the_servers_own_chunks_is_among_the_events(
    http: httpx.Client, others: list[str], subgraphs: bool
) -> None:
    """Recorded: a line of two nodes has eight events, three for each node and two for the graph."""
    events = stream(http, "new_graph", {"foo": 1}, stream_mode=["events", *others], stream_subgraphs=subgraphs)
    seen = [data for name, data, _ in events if name == "events"]
    kinds = ["on_chain_start", "on_chain_stream", "on_chain_end"]
    assert [(event["name"], event["event"]) for event in seen] == [
        ("New Graph", "on_chain_start"),
        *[("one", kind) for kind in kinds],
        *[("two", kind) for kind in kinds],
        ("New Graph", "on_chain_end"),
    ]


def test_events_of_hidden_steps_are_not_sent(http: httpx.Client) -> None:
    events = payloads(stream(http, "hidden", {"foo": 1}, stream_mode="events"))
    assert {event["name"] for event in events} == {"hidden", "whisper", "loud"}


# Messages


@pytest.mark.shows("stream_run", "stream_mode=messages")
def test_messages_grow_chunk_by_chunk(http: httpx.Client) -> None:
    """A streamed message is never sent again as a whole; one that a node returns is `complete` at once."""
    events = stream(http, "chat", HELLO, stream_mode="messages")
    assert names(events) == [
        "messages/metadata",
        *["messages/partial"] * 3,
        "messages/metadata",
        "messages/complete",
    ]
    announced, *parts, _, [whole] = payloads(events)
    [message_id] = announced
    assert [part["content"] for [part] in parts] == ["Hello", "Hello ", "Hello world"]
    assert {(part["type"], part["id"]) for [part] in parts} == {("ai", message_id)}
    assert announced[message_id]["metadata"]["langgraph_node"] == "model"
    assert (whole["type"], whole["content"], whole["id"]) == ("ai", "not streamed", "whole-1")


CHUNK = [
    "content",
    "additional_kwargs",
    "response_metadata",
    "type",
    "name",
    "id",
    "tool_calls",
    "invalid_tool_calls",
    "usage_metadata",
    "tool_call_chunks",
    "chunk_position",
]
ON_EACH_MESSAGE = {
    "created_by",
    "assistant_id",
    "run_attempt",
    "langgraph_version",
    "langgraph_api_version",
    "langgraph_plan",
    "langgraph_host",
    "langgraph_api_url",
    "graph_id",
    "run_id",
    "thread_id",
    "ls_integration",
    "langgraph_step",
    "langgraph_node",
    "langgraph_triggers",
    "langgraph_path",
    "langgraph_checkpoint_ns",
}
ON_EACH_TOKEN = {"checkpoint_ns", "ls_provider", "ls_model_type", "lc_versions"}


@pytest.mark.shows("stream_run", "stream_mode=messages-tuple")
def test_messages_tuple_is_each_chunk_with_its_metadata(http: httpx.Client) -> None:
    events = stream(http, "chat", HELLO, stream_mode="messages-tuple")
    assert names(events) == ["messages"] * 4
    *chunks, [whole, about_whole] = payloads(events)
    assert [chunk["content"] for chunk, _ in chunks] == ["Hello", " ", "world"]
    assert [chunk["chunk_position"] for chunk, _ in chunks] == [None, None, "last"]
    for chunk, about in chunks:
        assert list(chunk) == CHUNK
        assert chunk["type"] == "AIMessageChunk"
        assert set(about) == ON_EACH_MESSAGE | ON_EACH_TOKEN
    assert list(whole) == CHUNK[:-2]
    assert (whole["type"], whole["content"]) == ("ai", "not streamed")
    assert set(about_whole) == ON_EACH_MESSAGE
    assert about_whole["ls_integration"] == "langgraph"


def test_of_both_message_modes_only_the_tuples_are_sent(http: httpx.Client) -> None:
    assert set(names(stream(http, "chat", HELLO, stream_mode=["messages", "messages-tuple"]))) == {"messages"}


# Several modes


@pytest.mark.shows("stream_run", "stream_mode")
def test_modes_interleave_in_the_graphs_order(http: httpx.Client) -> None:
    modes = ["values", "updates", "tasks", "debug", "custom"]
    expected = ["values", "tasks", "debug", "custom", "updates", "tasks", "debug", "values"]
    assert names(stream(http, "builder", {"foo": 1}, stream_mode=modes)) == expected
    assert names(stream(http, "builder", {"foo": 1}, stream_mode=modes[::-1])) == expected


def test_events_do_not_disturb_the_order_of_the_rest(http: httpx.Client) -> None:
    modes = ["values", "updates", "tasks", "debug", "events", "messages", "checkpoints"]
    seen = [name for name in names(stream(http, "builder", {"foo": 1}, stream_mode=modes)) if name != "events"]
    assert seen == ["values", "tasks", "debug", "updates", "tasks", "debug", "values"]


def test_a_mode_named_twice_counts_once(http: httpx.Client) -> None:
    assert names(stream(http, "builder", {"foo": 1}, stream_mode=["values", "values"])) == ["values", "values"]
