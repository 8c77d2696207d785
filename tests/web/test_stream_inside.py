"""Subgraphs and interrupts in streams."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.web.calls import INTERRUPT, Event, Json, names, payloads, stream

HELLO = {"messages": [{"role": "user", "content": "hi"}]}
SURE = {"question": "sure?"}


# Subgraphs


def qualified(events: list[Event]) -> list[tuple[str, list[str]]]:
    """The mode of each event, and the nodes in its namespace."""
    split = [name.split("|") for name in names(events)]
    return [(mode, [part.partition(":")[0] for part in namespace]) for mode, *namespace in split]


@pytest.mark.shows("stream_run", "stream_subgraphs")
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        ("values", [("values", []), ("values", ["child"]), ("values", ["child"]), ("values", [])]),
        ("updates", [("updates", ["child"]), ("updates", [])]),
        ("tasks", [("tasks", []), ("tasks", ["child"]), ("tasks", ["child"]), ("tasks", [])]),
        ("debug", [("debug", []), ("debug", ["child"]), ("debug", ["child"]), ("debug", [])]),
        ("custom", [("custom", ["child"])]),
    ],
)
def test_a_subgraphs_events_carry_its_namespace(http: httpx.Client, mode: str, expected: Any) -> None:
    events = stream(http, "nested", {"foo": 1}, stream_mode=mode, stream_subgraphs=True)
    assert qualified(events) == expected


def test_the_namespace_is_the_task_of_the_subgraph(http: httpx.Client) -> None:
    events = stream(http, "nested", {"foo": 1}, stream_mode="tasks", stream_subgraphs=True)
    parent = payloads(events)[0]
    assert names(events)[1] == f"tasks|child:{parent['id']}"


def test_only_the_tuple_form_of_messages_is_namespaced(http: httpx.Client) -> None:
    options: dict[str, Any] = {"stream_subgraphs": True}
    tuples = stream(http, "nested_chat", HELLO, stream_mode="messages-tuple", **options)
    assert qualified(tuples) == [("messages", ["child"])] * 3
    growing = stream(http, "nested_chat", HELLO, stream_mode="messages", **options)
    assert names(growing) == ["messages/metadata", *["messages/partial"] * 3]
    events = stream(http, "nested", {"foo": 1}, stream_mode="events", **options)
    assert set(names(events)) == {"events"}


def test_without_the_flag_nothing_comes_from_inside(http: httpx.Client) -> None:
    assert names(stream(http, "nested", {"foo": 1}, stream_mode="values")) == ["values", "values"]
    assert names(stream(http, "nested", {"foo": 1}, stream_mode="custom")) == []
    [[message, _]] = payloads(stream(http, "nested_chat", HELLO, stream_mode="messages-tuple"))
    assert (message["type"], message["content"]) == ("ai", "Hello world")
    growing = stream(http, "nested_chat", HELLO, stream_mode="messages")
    assert names(growing) == ["messages/metadata", "messages/complete"]


# Interrupts


@pytest.mark.parametrize(("graph", "values"), [("asking", [SURE]), ("asking_twice", [SURE, "and you?"])])
@pytest.mark.parametrize("mode", ["values", "updates"])
def test_each_interrupt_is_an_event(http: httpx.Client, graph: str, values: Any, mode: str) -> None:
    events = payloads(stream(http, graph, {"foo": 1}, stream_mode=mode))
    asked = [event for event in events if "__interrupt__" in event]
    assert [[item["value"] for item in event["__interrupt__"]] for event in asked] == [[value] for value in values]
    assert asked == events[-len(values) :]
    assert all(("foo" in event) == (mode == "values") for event in asked)


@pytest.mark.parametrize("mode", ["custom", "messages", "checkpoints"])
def test_other_modes_say_nothing_of_an_interrupt(http: httpx.Client, mode: str) -> None:
    assert "__interrupt__" not in str(stream(http, "asking", {"foo": 1}, stream_mode=mode))


def test_an_interrupted_task_says_so(http: httpx.Client) -> None:
    result = payloads(stream(http, "asking", {"foo": 1}, stream_mode="tasks"))[-1]
    assert (result["name"], result["result"], result["error"]) == ("ask", {}, None)
    [item] = result["interrupts"]
    assert list(item) == INTERRUPT


@pytest.mark.shows("stream_run", "interrupt_before interrupt_after")
@pytest.mark.parametrize("fields", [{"interrupt_before": ["second"]}, {"interrupt_after": ["first"]}], ids=str)
def test_a_static_interrupt_shows_in_updates_alone(http: httpx.Client, fields: Any) -> None:
    updates = stream(http, "simple", {"foo": 1}, stream_mode="updates", **fields)
    assert payloads(updates) == [{"first": {"items": ["a"]}}, {"__interrupt__": []}]
    values = stream(http, "simple", {"foo": 1}, stream_mode="values", **fields)
    assert payloads(values) == [{"foo": 1, "items": []}, {"foo": 1, "items": ["a"]}]


@pytest.mark.parametrize("mode", ["values", "updates"])
def test_a_subgraphs_interrupt_comes_from_inside_and_from_outside(http: httpx.Client, mode: str) -> None:
    events = stream(http, "nested_asking", {"foo": 1}, stream_mode=mode, stream_subgraphs=True)
    asked = [event for event in events if event[0] == "metadata" or "__interrupt__" in event[1]]
    assert qualified(asked) == [(mode, ["child"]), (mode, [])]


@pytest.mark.shows("stream_run", "stream_mode=debug stream_subgraphs")
def test_debug_says_where_a_subgraph_keeps_its_checkpoints(http: httpx.Client) -> None:
    fields: Json = {"stream_mode": ["debug"], "on_completion": "keep", "stream_subgraphs": True}
    events = stream(http, "parent", {"foo": 1}, **fields)
    tasks = [
        task
        for name, data, _ in events
        if name == "debug" and data["type"] == "checkpoint"
        for task in data["payload"]["tasks"]
    ]
    [child] = [task for task in tasks if task["name"] == "child"]
    assert list(child) == ["id", "name", "interrupts", "checkpoint"]
    assert child["checkpoint"]["checkpoint_ns"] == f"child:{child['id']}"
    assert set(child["checkpoint"]) == {"thread_id", "checkpoint_ns"}
    assert all(task["state"] is None for task in tasks if task is not child)
    inner = [data["payload"] for name, data, _ in events if name.startswith("debug|") and data["type"] == "checkpoint"]
    for payload in inner:
        address = payload["checkpoint"]
        assert list(address) == ["checkpoint_id", "thread_id", "checkpoint_ns", "checkpoint_map"]
        assert address["checkpoint_map"][address["checkpoint_ns"]] == address["checkpoint_id"]
