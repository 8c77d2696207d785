"""Threads, assistants and the server itself, by the SDK's methods with every argument that they have."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import ConflictError, NotFoundError, UnprocessableEntityError

from tests.live import until

UNKNOWN = "00000000-0000-0000-0000-000000000000"
SIMPLE = "5e0f6b46-d00f-5af4-87dc-ea2105ff526d"
RESULT = {"foo": 1, "items": ["a", "b"]}


def thread_of(sdk: SyncLangGraphClient, graph: str = "simple", **fields: Any) -> str:
    """The thread that a kept run has left."""
    run: Any = sdk.runs.create(None, graph, input={"foo": 1}, on_completion="keep", **fields)
    sdk.runs.join(run["thread_id"], run["run_id"])
    return str(run["thread_id"])


# Threads


def test_a_thread_is_created_read_and_deleted(sdk: SyncLangGraphClient) -> None:
    thread = sdk.threads.create()
    assert (thread["status"], thread["metadata"], thread["values"]) == ("idle", {}, None)
    assert sdk.threads.get(thread["thread_id"]) == thread
    sdk.threads.delete(thread["thread_id"])
    for call in (sdk.threads.get, sdk.threads.delete, sdk.threads.get_state, sdk.threads.get_history):
        with pytest.raises(NotFoundError, match=thread["thread_id"]):
            call(thread["thread_id"])


def test_a_thread_has_the_id_and_the_metadata_given(sdk: SyncLangGraphClient) -> None:
    thread_id = str(uuid4())
    sdk.threads.create(thread_id=thread_id, metadata={"mine": 1}, graph_id="simple")
    assert sdk.threads.get(thread_id)["metadata"] == {"mine": 1, "graph_id": "simple"}


def test_an_id_is_taken_once(sdk: SyncLangGraphClient) -> None:
    thread = sdk.threads.create(metadata={"mine": 1})
    thread_id = thread["thread_id"]
    for options in ({}, {"if_exists": "raise"}):
        with pytest.raises(ConflictError, match=thread_id):
            sdk.threads.create(thread_id=thread_id, **options)  # type: ignore[arg-type]
    assert sdk.threads.create(thread_id=thread_id, metadata={"mine": 2}, if_exists="do_nothing") == thread


@pytest.mark.parametrize(
    ("ttl", "strategy"),
    [
        (5, "delete"),
        ({"ttl": 5}, "delete"),
        ({"ttl": 5, "strategy": "delete"}, "delete"),
        ({"ttl": 5, "strategy": "keep_latest"}, "keep_latest"),
    ],
    ids=str,
)
def test_a_lifetime_is_shown_if_asked_for(sdk: SyncLangGraphClient, ttl: Any, strategy: str) -> None:
    thread_id = sdk.threads.create(ttl=ttl)["thread_id"]
    shown: Any = sdk.threads.get(thread_id, include=["ttl"])
    assert (shown["ttl"]["strategy"], shown["ttl"]["ttl_minutes"]) == (strategy, 5)
    assert "ttl" not in sdk.threads.get(thread_id)


def test_a_thread_is_gone_when_its_time_is_over(sdk: SyncLangGraphClient) -> None:
    thread_id = sdk.threads.create(ttl={"ttl": 0})["thread_id"]

    def gone() -> bool:
        try:
            sdk.threads.get(thread_id)
        except NotFoundError:
            return True
        return False

    until(gone)


def test_only_the_latest_state_is_kept_when_the_time_is_over(sdk: SyncLangGraphClient) -> None:
    steps: Any = [{"updates": [{"values": {"foo": number}, "as_node": "__start__"}]} for number in range(3)]
    ttl: Any = {"ttl": 0, "strategy": "keep_latest"}
    thread_id = sdk.threads.create(graph_id="simple", supersteps=steps, ttl=ttl)["thread_id"]
    until(lambda: len(sdk.threads.get_history(thread_id)) == 1)
    assert sdk.threads.get_state(thread_id)["values"]["foo"] == 2  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"ttl": {"ttl": 5, "strategy": "archive"}}, "strategy"),
        ({"ttl": -1}, "ttl"),
        ({"thread_id": "x"}, "thread_id"),
        ({"if_exists": "bogus"}, "if_exists"),
        ({"supersteps": [{"updates": [{"values": {"foo": 1}, "as_node": "first"}]}]}, "graph_id"),
    ],
    ids=str,
)
def test_a_thread_that_cannot_be_is_refused(sdk: SyncLangGraphClient, fields: Any, said: str) -> None:
    with pytest.raises(UnprocessableEntityError, match=said):
        sdk.threads.create(**fields)


def test_a_thread_starts_with_the_state_of_its_supersteps(sdk: SyncLangGraphClient) -> None:
    """As a thread does that is copied from another deployment."""
    steps: Any = [
        {"updates": [{"values": {"foo": 1}, "as_node": "__start__"}]},
        {"updates": [{"values": None, "command": {"update": {"items": ["u"]}}, "as_node": "first"}]},
    ]
    thread_id = sdk.threads.create(graph_id="simple", supersteps=steps)["thread_id"]
    state = sdk.threads.get_state(thread_id)
    assert (state["values"], state["next"]) == ({"foo": 1, "items": ["u"]}, ["second"])
    assert [each["values"] for each in sdk.threads.get_history(thread_id)][:2] == [
        state["values"],
        {"foo": 1, "items": []},
    ]


# The thread of a run


def test_a_kept_run_leaves_its_state(sdk: SyncLangGraphClient) -> None:
    thread_id = thread_of(sdk, metadata={"mine": 1})
    thread: Any = sdk.threads.get(thread_id)
    assert (thread["status"], thread["values"], thread["error"]) == ("idle", RESULT, None)
    assert (thread["metadata"]["graph_id"], thread["metadata"]["mine"]) == ("simple", 1)
    state = sdk.threads.get_state(thread_id)
    assert (state["values"], state["next"], state["tasks"]) == (RESULT, [], [])
    assert state["checkpoint"]["thread_id"] == thread_id


def test_a_thread_without_a_run_has_no_state(sdk: SyncLangGraphClient) -> None:
    thread_id = sdk.threads.create()["thread_id"]
    state: Any = sdk.threads.get_state(thread_id)
    assert (state["values"], state["next"], state["checkpoint"]) == ({}, [], None)
    assert sdk.threads.get_history(thread_id) == []


def test_an_interrupt_stays_open(sdk: SyncLangGraphClient) -> None:
    thread_id = thread_of(sdk, "asking")
    thread: Any = sdk.threads.get(thread_id)
    [[interrupt]] = thread["interrupts"].values()
    assert (thread["status"], interrupt["value"]) == ("interrupted", {"question": "sure?"})
    [task] = sdk.threads.get_state(thread_id)["tasks"]
    assert task["interrupts"] == [interrupt]


def test_a_failed_run_leaves_its_error(sdk: SyncLangGraphClient) -> None:
    run: Any = sdk.runs.create(None, "failing", input={"foo": "value"}, on_completion="keep")
    sdk.runs.join(run["thread_id"], run["run_id"])
    thread: Any = sdk.threads.get(run["thread_id"])
    assert (thread["status"], thread["error"]) == ("error", {"error": "ValueError", "message": "boom"})
    [task] = sdk.threads.get_state(run["thread_id"])["tasks"]
    assert task["error"] == "ValueError('boom')"


def test_the_state_of_a_subgraph_is_given_if_asked_for(sdk: SyncLangGraphClient) -> None:
    thread_id = thread_of(sdk, "nested_asking")
    [task] = sdk.threads.get_state(thread_id)["tasks"]
    assert task["state"] is None
    state: Any = sdk.threads.get_state(thread_id, subgraphs=True)
    assert state["tasks"][0]["state"]["next"] == ["ask"]


@pytest.mark.parametrize(
    ("select", "expected"),
    [
        (["next"], {"next": []}),
        (["values", "next"], {"values": RESULT, "next": []}),
        (["values.foo"], {"values": {"foo": 1}}),
    ],
    ids=str,
)
def test_a_part_of_a_state_is_given_if_asked_for(sdk: SyncLangGraphClient, select: Any, expected: Any) -> None:
    thread_id = thread_of(sdk)
    assert sdk.threads.get_state(thread_id, select=select) == expected
    assert sdk.threads.get_history(thread_id, select=select, limit=1) == [expected]


def test_every_state_is_read_by_its_checkpoint(sdk: SyncLangGraphClient) -> None:
    """Named by its id or by its address."""
    thread_id = thread_of(sdk)
    history: list[Any] = sdk.threads.get_history(thread_id)
    for state in history:
        checkpoint = state["checkpoint"]
        assert sdk.threads.get_state(thread_id, checkpoint=checkpoint) == state
        assert sdk.threads.get_state(thread_id, checkpoint_id=checkpoint["checkpoint_id"]) == state
        for named in ({"checkpoint": checkpoint}, {"checkpoint_id": checkpoint["checkpoint_id"]}):
            part: Any = sdk.threads.get_state(thread_id, **named, select=["next"])
            assert part == {"next": state["next"]}


def test_the_state_of_a_subgraph_is_read_by_its_checkpoint(sdk: SyncLangGraphClient) -> None:
    thread_id = thread_of(sdk, "nested_asking")
    outer: Any = sdk.threads.get_state(thread_id)
    assert sdk.threads.get_state(thread_id, checkpoint=outer["tasks"][0]["checkpoint"])["next"] == ["ask"]
    for named in ({"checkpoint": outer["checkpoint"]}, {"checkpoint_id": outer["checkpoint_id"]}):
        state: Any = sdk.threads.get_state(thread_id, **named, subgraphs=True)
        assert state["tasks"][0]["state"]["next"] == ["ask"]


def test_an_unknown_checkpoint_is_not_found(sdk: SyncLangGraphClient) -> None:
    thread_id = thread_of(sdk)
    unknown: Any = {"checkpoint_id": UNKNOWN, "checkpoint_ns": ""}
    with pytest.raises(NotFoundError, match=UNKNOWN):
        sdk.threads.get_state(thread_id, checkpoint_id=UNKNOWN)
    with pytest.raises(NotFoundError, match=UNKNOWN):
        sdk.threads.get_state(thread_id, checkpoint=unknown)
    with pytest.raises(UnprocessableEntityError, match="checkpoint_id"):
        sdk.threads.get_state(thread_id, checkpoint_id="x")


def test_the_history_is_newest_first_and_as_long_as_asked_for(sdk: SyncLangGraphClient) -> None:
    thread_id = thread_of(sdk)
    history = sdk.threads.get_history(thread_id)
    assert [state["next"] for state in history] == [[], ["second"], ["first"], ["__start__"]]
    assert sdk.threads.get_history(thread_id, limit=2) == history[:2]
    assert sdk.http.get(f"/threads/{thread_id}/history", params={"limit": 2}) == history[:2]


def test_the_history_goes_on_before_a_checkpoint(sdk: SyncLangGraphClient) -> None:
    """Named by its id or by its address."""
    thread_id = thread_of(sdk)
    newest, *older = sdk.threads.get_history(thread_id)
    checkpoint: Any = newest["checkpoint"]
    for before in (checkpoint, checkpoint["checkpoint_id"]):
        assert sdk.threads.get_history(thread_id, before=before) == older
    params = {"before": checkpoint["checkpoint_id"], "limit": 10}
    assert sdk.http.get(f"/threads/{thread_id}/history", params=params) == older


def test_the_history_is_chosen_by_metadata(sdk: SyncLangGraphClient) -> None:
    thread_id = thread_of(sdk)
    [state] = sdk.threads.get_history(thread_id, metadata={"step": 1})
    assert state["next"] == ["second"]
    assert sdk.threads.get_history(thread_id, metadata={"step": 9}) == []


def test_a_subgraph_has_a_history_of_its_own(sdk: SyncLangGraphClient) -> None:
    thread_id = thread_of(sdk, "nested_asking")
    [task] = sdk.threads.get_state(thread_id)["tasks"]
    states = sdk.threads.get_history(thread_id, checkpoint=task["checkpoint"])
    assert states[0]["next"] == ["ask"]
    assert states[0]["checkpoint"]["checkpoint_ns"].startswith("child:")


# Assistants


def test_assistants_are_found_by_what_is_asked_for(sdk: SyncLangGraphClient) -> None:
    [found] = sdk.assistants.search(graph_id="simple")
    assert found == sdk.assistants.get(SIMPLE)
    named = {each["graph_id"] for each in sdk.assistants.search(name="NESTED", metadata={"created_by": "system"})}
    assert named == {"nested", "nested_asking", "nested_chat", "nested_slow"}
    assert sdk.assistants.search(metadata={"created_by": "nobody"}) == []


def test_assistants_come_in_sorted_pages_with_the_keys_asked_for(sdk: SyncLangGraphClient) -> None:
    every = sdk.assistants.search(limit=100, sort_by="name", sort_order="asc", select=["graph_id"])
    names = [each["graph_id"] for each in every]
    assert names == sorted(names)
    assert list(every[0]) == ["graph_id"]
    page: Any = sdk.assistants.search(
        limit=2, offset=1, sort_by="graph_id", sort_order="desc", response_format="object"
    )
    assert [each["graph_id"] for each in page["assistants"]] == sorted(names, reverse=True)[1:3]
    assert page["next"] == "3"
    assert sdk.assistants.search(limit=100, response_format="object")["next"] is None


def test_unknown_assistants_are_not_found(sdk: SyncLangGraphClient) -> None:
    with pytest.raises(NotFoundError, match="bogus"):
        sdk.assistants.search(graph_id="bogus")
    with pytest.raises(NotFoundError):
        sdk.assistants.get(UNKNOWN)
    with pytest.raises(UnprocessableEntityError, match="simple"):
        sdk.assistants.get("simple")
    with pytest.raises(UnprocessableEntityError, match="limit"):
        sdk.assistants.search(limit=0)


# The server


def test_the_server_is_well_and_says_what_it_is(sdk: SyncLangGraphClient) -> None:
    """The SDK has no methods for these, only its transport."""
    assert sdk.http.get("/ok") == {"ok": True, "services": {}}
    assert sdk.http.get("/ok", params={"check_db": 1})["ok"] is True
    assert set(sdk.http.get("/info")) >= {"version", "langgraph_py_version", "flags"}
    assert "/runs/wait" in sdk.http.get("/openapi.json")["paths"]
    with pytest.raises(NotFoundError):
        sdk.http.get("/nowhere")
