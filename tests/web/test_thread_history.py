"""Past states of a thread: `GET` and `POST /threads/{thread_id}/history`."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.web.calls import LANGGRAPH, Json
from tests.web.keeping import history, kept, new_thread, searched, state, thread, thread_path
from treadle.web.binding import Contract

shows = pytest.mark.shows
BOTH = pytest.mark.parametrize("read", [history, searched])
TWELVE = {"count": 10, "size": 0}
"""The input of `laps` that leaves twelve states: after the input, before the first lap, and after each of ten laps."""


def steps(states: Any) -> list[int]:
    """The step of each state."""
    return [each["metadata"]["step"] for each in states]


@shows("list_thread_history search_thread_history", "thread_id limit 200")
@BOTH
def test_states_come_newest_first_and_each_leads_to_the_one_before(http: httpx.Client, read: Any) -> None:
    run = kept(http, "simple", {"foo": 1})
    states = read(http, run, limit=10)
    assert steps(states) == [2, 1, 0, -1]
    assert [each["values"]["items"] for each in states] == [["a", "b"], ["a"], [], []]
    assert [each["next"] for each in states] == [[], ["second"], ["first"], ["__start__"]]
    assert [each["metadata"]["source"] for each in states] == ["loop", "loop", "loop", "input"]
    assert [each["parent_checkpoint"] for each in states] == [*(each["checkpoint"] for each in states[1:]), None]
    assert states[0] == state(http, run)


def test_without_a_limit_there_are_ten_states_or_one(http: httpx.Client) -> None:
    run = kept(http, "laps", TWELVE)
    assert steps(history(http, run)) == list(range(10, 0, -1))
    assert steps(searched(http, run)) == [10]


@shows("list_thread_history search_thread_history", "limit")
@BOTH
@pytest.mark.parametrize(("limit", "count"), [(1, 1), (3, 3), (11, 11), (12, 12), (1000, 12)])
def test_there_are_as_many_states_as_the_limit_allows(http: httpx.Client, read: Any, limit: int, count: int) -> None:
    assert len(read(http, kept(http, "laps", TWELVE), limit=limit)) == count


@shows("list_thread_history", "limit 422")
@pytest.mark.parametrize("limit", ["0", "-1", "1001", "1.5", "x", "true", "9" * 30])
def test_a_limit_out_of_bounds_is_refused_by_name(http: httpx.Client, limit: str) -> None:
    response = http.get(f"{thread_path(new_thread(http))}/history", params={"limit": limit})
    assert response.status_code == 422
    assert "limit" in response.json()["detail"]


WRONG: dict[str, list[Any]] = {
    "limit": [0, -1, 1001, 1.5, "1", None, True],
    "metadata": [None, [], "x"],
    "checkpoint": [None, [], "x", {"checkpoint_ns": 5}, {"checkpoint_map": []}],
    "before": [None, [], 5, {"checkpoint_id": 5}],
    "select": [None, "values", [5], ["bogus"], ["values."]],
}


@shows("search_thread_history", "limit before metadata checkpoint select 422")
@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG.items() for value in values])
def test_a_field_of_a_wrong_kind_is_refused_by_name(http: httpx.Client, field: str, value: Any) -> None:
    response = http.post(f"{thread_path(new_thread(http))}/history", json={field: value})
    assert response.status_code == 422
    assert f'On instance["{field}"]' in response.json()["detail"]


def test_a_whole_number_may_be_spelled_with_a_fraction(http: httpx.Client) -> None:
    """JSON Schema counts 2.0 as an integer."""
    run = kept(http, "simple", {"foo": 1})
    response = http.post(f"{thread_path(run)}/history", content=b'{"limit": 2.0}')
    assert (response.status_code, len(response.json())) == (200, 2)


@shows("list_thread_history search_thread_history", "200")
@BOTH
def test_a_thread_without_checkpoints_has_no_states(http: httpx.Client, read: Any) -> None:
    assert read(http, new_thread(http)) == read(http, new_thread(http, metadata={"graph_id": "simple"})) == []


@pytest.mark.parametrize(
    ("graph", "given"),
    [
        ("simple", {"foo": 1}),
        ("failing", {"foo": "value"}),
        ("asking_twice", {"foo": 1}),
        ("nested", {"foo": 1}),
        ("nested_asking", {"foo": 1}),
        ("functional", 21),
        ("chat", {"messages": [{"role": "user", "content": "hi"}]}),
    ],
)
def test_threads_and_states_are_what_the_contract_says(http: httpx.Client, graph: str, given: Any) -> None:
    run = kept(http, graph, given)
    judge("Thread", thread(http, run))
    states = history(http, run)
    assert states
    for each in (*states, state(http, run), state(http, run, subgraphs="true")):
        judge("ThreadState", each)


def judge(schema: str, value: Any) -> None:
    """Fail if a value does not fit a schema of the served document."""
    Contract.load().validator(f"#/components/schemas/{schema}").validate(value)


# Before


@shows("list_thread_history search_thread_history", "before")
@BOTH
@pytest.mark.parametrize("number", [0, 1, 3])
def test_states_before_one_that_is_named_by_its_id(http: httpx.Client, read: Any, number: int) -> None:
    run = kept(http, "simple", {"foo": 1})
    states = history(http, run)
    assert read(http, run, before=states[number]["checkpoint_id"], limit=10) == states[number + 1 :]
    assert read(http, run, before=states[number]["checkpoint_id"], limit=1) == states[number + 1 : number + 2]


@shows("search_thread_history", "before before.thread_id before.checkpoint_ns before.checkpoint_id")
def test_states_before_one_that_is_named_by_its_address(http: httpx.Client) -> None:
    run = kept(http, "simple", {"foo": 1})
    states = history(http, run)
    address = states[1]["checkpoint"]
    for before in (address, {"checkpoint_id": address["checkpoint_id"]}, {**address, "thread_id": str(uuid4())}):
        assert searched(http, run, before=before, limit=10) == states[2:]


@shows("search_thread_history", "before")
@pytest.mark.parametrize("before", ["", {}, {"checkpoint_ns": ""}])
def test_before_nothing_is_no_bound(http: httpx.Client, before: Any) -> None:
    run = kept(http, "simple", {"foo": 1})
    assert searched(http, run, before=before, limit=10) == history(http, run)


# Some of them


@shows("search_thread_history", "metadata")
@pytest.mark.parametrize(
    ("metadata", "expected"),
    [
        ({}, [2, 1, 0, -1]),
        ({"source": "loop"}, [2, 1, 0]),
        ({"source": "input"}, [-1]),
        ({"step": 1}, [1]),
        ({"source": "loop", "step": -1}, []),
        ({"mine": "yes"}, [2, 1, 0, -1]),
        ({"mine": "no"}, []),
        # What not every checkpointer finds.
        ({"it's": "ü", "a.b": "c"}, [2, 1, 0, -1]),
        ({"it's": "ü", "source": "loop"}, [2, 1, 0]),
        ({"it's": ["ü"], "source": "loop"}, []),
        ({"a.b": "d"}, []),
        ({"\0": None, "mine": "yes"}, [2, 1, 0, -1]),
        ({"step": 10**30}, []),
        ({"step": 1.0}, [1]),
    ],
)
def test_states_are_chosen_by_their_metadata(http: httpx.Client, metadata: Json, expected: list[int]) -> None:
    run = kept(http, "simple", {"foo": 1}, metadata={"mine": "yes", "it's": "ü", "a.b": "c"})
    assert steps(searched(http, run, metadata=metadata, limit=10)) == expected
    assert steps(searched(http, run, metadata=metadata)) == expected[:1]


@shows("search_thread_history", "checkpoint checkpoint.checkpoint_id checkpoint.thread_id")
def test_one_state_is_chosen_by_its_address(http: httpx.Client) -> None:
    run = kept(http, "simple", {"foo": 1})
    states = history(http, run)
    address = states[2]["checkpoint"]
    for checkpoint in (address, {"checkpoint_id": address["checkpoint_id"]}, {**address, "thread_id": str(uuid4())}):
        assert searched(http, run, checkpoint=checkpoint, limit=10) == [states[2]]
    assert searched(http, run, checkpoint={"checkpoint_id": str(uuid4())}, limit=10) == []


@shows("search_thread_history", "select")
def test_each_state_is_cut_to_the_keys_asked_for(http: httpx.Client) -> None:
    run = kept(http, "simple", {"foo": 1})
    assert searched(http, run, select=["values.items", "next"], limit=2) == [
        {"values": {"items": ["a", "b"]}, "next": []},
        {"values": {"items": ["a"]}, "next": ["second"]},
    ]
    whole = searched(http, run, limit=10)
    assert searched(http, run, select=list(whole[0]), limit=10) == whole


# Of subgraphs


@shows("search_thread_history", "checkpoint checkpoint.checkpoint_ns")
def test_the_states_of_a_subgraph(http: httpx.Client) -> None:
    run = kept(http, "nested_asking", {"foo": 1})
    [task] = state(http, run)["tasks"]
    namespace = f"child:{task['id']}"
    states = searched(http, run, checkpoint={"checkpoint_ns": namespace}, limit=10)
    assert steps(states) == [0, -1]
    assert [each["next"] for each in states] == [["ask"], ["__start__"]]
    assert {each["checkpoint"]["checkpoint_ns"] for each in states} == {namespace}
    assert steps(searched(http, run, checkpoint={"checkpoint_ns": ""}, limit=10)) == [0, -1]
    assert searched(http, run, checkpoint={"checkpoint_ns": ""}, limit=10) == history(http, run)


@shows("search_thread_history", "checkpoint checkpoint.thread_id checkpoint.checkpoint_ns")
def test_the_address_that_a_task_shows_leads_to_the_states_of_its_subgraph(http: httpx.Client) -> None:
    """It has no id of a checkpoint, which means the newest."""
    run = kept(http, "nested_asking", {"foo": 1})
    [task] = state(http, run)["tasks"]
    states = searched(http, run, checkpoint=task["checkpoint"], limit=10)
    assert steps(states) == [0, -1]
    assert states[0]["checkpoint"]["checkpoint_ns"] == task["checkpoint"]["checkpoint_ns"]


@shows("search_thread_history", "checkpoint checkpoint.checkpoint_map before.checkpoint_map")
def test_the_address_of_a_state_inside_a_subgraph_leads_to_it(http: httpx.Client) -> None:
    run = kept(http, "nested_asking", {"foo": 1})
    [task] = state(http, run, subgraphs="true")["tasks"]
    address = task["state"]["checkpoint"]
    assert "checkpoint_map" in address
    [found] = searched(http, run, checkpoint=address, limit=10)
    assert (found["checkpoint"], found["values"]) == (address, task["state"]["values"])
    namespace = {"checkpoint_ns": address["checkpoint_ns"]}
    assert steps(searched(http, run, checkpoint=namespace, before=address, limit=10)) == [-1]


@shows("search_thread_history", "checkpoint.checkpoint_ns")
@pytest.mark.parametrize("graph", ["simple", "nested_asking"])
@pytest.mark.parametrize("namespace", ["nobody", "nobody:01a1fbfa", "child|nobody"])
def test_there_are_no_states_in_a_namespace_that_there_is_not(http: httpx.Client, graph: str, namespace: str) -> None:
    run = kept(http, graph, {"foo": 1})
    body = {"checkpoint": {"checkpoint_ns": namespace}, "limit": 10}
    found = http.post(f"{thread_path(run)}/history", json=body)
    if LANGGRAPH < (1, 2, 21):  # older releases refuse to look there
        assert (found.status_code, "Subgraph" in found.json()["detail"]) == (400, True)
    else:
        assert (found.status_code, found.json()) == (200, [])
