"""The thread of a kept run (`on_completion: keep`) that ends by itself."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.live import serving, until
from tests.web.calls import accepted, create, detail, ended, wait
from tests.web.creating import EVERY, PATHS, Creator
from tests.web.keeping import history, kept, run_path, slow_run, state, thread, thread_path

shows = pytest.mark.shows
BUSY = ["thread_id", "status", "metadata", "config", "created_at", "updated_at", "values", "state_updated_at"]
KEYS = [*BUSY, "error", "interrupts"]
Json = dict[str, Any]
HALF = {"foo": 1, "items": ["a"]}
BOOM = {"error": "ValueError", "message": "boom"}
SECRET = {"error": "OwnError", "message": "An internal error occurred"}
SURE = {"question": "sure?"}

# A graph, its input, other fields; the run's status, the thread's status, its values, error and interrupts.
LEFT: list[tuple[str, Any, Json, str, str, Any, Any, list[Any]]] = [
    ("simple", {"foo": 1}, {}, "success", "idle", {"foo": 1, "items": ["a", "b"]}, None, []),
    ("nested", {"foo": 1}, {}, "success", "idle", HALF, None, []),
    ("functional", 21, {}, "success", "idle", 42, None, []),
    ("factory", {}, {"config": {"configurable": {"label": "l"}}}, "success", "idle", {"items": ["l"]}, None, []),
    ("managed", {}, {}, "success", "idle", {"items": ["a"]}, None, []),
    ("failing", {"foo": "value"}, {}, "error", "error", {"foo": "value", "items": []}, BOOM, []),
    ("failing", {"foo": "own"}, {}, "error", "error", {"foo": "own", "items": []}, SECRET, []),
    ("asking", {"foo": 1}, {}, "success", "interrupted", HALF, None, [SURE]),
    ("asking_twice", {"foo": 1}, {}, "success", "interrupted", {"foo": 1, "items": []}, None, [SURE, "and you?"]),
    ("nested_asking", {"foo": 1}, {}, "success", "interrupted", {"foo": 1, "items": []}, None, [SURE]),
    ("simple", {"foo": 1}, {"interrupt_before": ["second"]}, "success", "interrupted", HALF, None, []),
    ("simple", {"foo": 1}, {"interrupt_after": "*"}, "success", "interrupted", HALF, None, []),
    ("simple", {"foo": 1}, {"interrupt_before": ["first"]}, "success", "interrupted", HALF | {"items": []}, None, []),
    ("simple", None, {"command": {"goto": "second"}}, "success", "idle", {"items": ["a", "b", "b"]}, None, []),
]


@shows("get_thread", "200")
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
@pytest.mark.parametrize(
    ("graph", "given", "fields", "ended_as", "status", "values", "error", "interrupts"),
    LEFT,
    ids=[f"{graph} {given} {list(fields)}" for graph, given, fields, *_ in LEFT],
)
def test_what_a_kept_run_leaves(
    http: httpx.Client,
    durability: str,
    graph: str,
    given: Any,
    fields: Json,
    ended_as: str,
    status: str,
    values: Any,
    error: Any,
    interrupts: list[Any],
) -> None:
    run = kept(http, graph, given, durability=durability, **fields)
    left = thread(http, run)
    assert list(left) == KEYS
    assert (left["status"], left["values"], left["error"]) == (status, values, error)
    assert [each["value"] for task in left["interrupts"].values() for each in task] == interrupts
    assert all(list(each) == ["value", "id"] for task in left["interrupts"].values() for each in task)
    assert accepted(http.get(run_path(run))).json()["status"] == ended_as
    assert state(http, run)["values"] == values


@shows(EVERY, "on_completion=keep")
@pytest.mark.parametrize("operation", PATHS)
def test_the_thread_is_settled_when_its_run_is(http: httpx.Client, operation: str) -> None:
    run = Creator(http, operation).ended("simple", {"foo": 1}, on_completion="keep")
    left = thread(http, run)
    assert (left["status"], left["values"]) == ("idle", run["values"])


@pytest.mark.parametrize("operation", ["wait_run", "stream_run"])
def test_whoever_has_read_a_run_to_its_end_finds_its_thread_settled(http: httpx.Client, operation: str) -> None:
    creator = Creator(http, operation)
    for _ in range(20):
        run = detail(http, creator.create("simple", {"foo": 1}, on_completion="keep"))
        assert (run["status"], thread(http, run)["status"]) == ("success", "idle")


@shows("get_thread", "200")
@pytest.mark.parametrize("after_seconds", [0, 60])
def test_a_thread_is_busy_until_its_run_ends(http: httpx.Client, after_seconds: float) -> None:
    run = create(http, "slow", {"seconds": 60}, after_seconds=after_seconds, on_completion="keep")
    busy = thread(http, run)
    assert list(busy) == BUSY
    assert (busy["status"], busy["values"]) == ("busy", None)
    assert busy["created_at"] == busy["updated_at"] == busy["state_updated_at"]
    assert http.delete(thread_path(run)).status_code == 204


def test_the_end_of_a_run_changes_its_thread(http: httpx.Client) -> None:
    run = kept(http, "slow", {"seconds": 0.05})
    left = thread(http, run)
    assert left["updated_at"] == left["state_updated_at"]
    lasted = datetime.fromisoformat(left["updated_at"]) - datetime.fromisoformat(left["created_at"])
    assert 0.05 <= lasted.total_seconds() < 10
    assert left["config"] == {"configurable": {}}


METADATA: Json = {"mine": {"a": [1]}, "created_by": "me", "graph_id": "lie", "thread_id": "x", "cron_id": "x"}


def test_a_thread_has_the_metadata_of_its_run_and_what_ran(http: httpx.Client) -> None:
    """Reserved keys are dropped; `graph_id` may be overridden (recorded), but the run's own graph reads the thread."""
    run = kept(http, "simple", {"foo": 1}, metadata=METADATA, config={"metadata": {"of": "config"}})
    assert thread(http, run)["metadata"] == {
        "graph_id": "lie",
        "assistant_id": run["assistant_id"],
        "created_by": "me",
        "of": "config",
        "mine": {"a": [1]},
    }
    assert state(http, run)["values"] == {"foo": 1, "items": ["a", "b"]}
    plain = kept(http, "simple", {"foo": 1})
    named = {"graph_id": "simple", "assistant_id": plain["assistant_id"]}
    assert list(thread(http, plain)["metadata"].items()) == list(named.items())


@pytest.mark.parametrize(
    ("fields", "checkpoints"),
    [
        ({"durability": "sync"}, 4),
        ({"durability": "async"}, 4),
        ({}, 4),
        ({"checkpoint_during": False}, 1),
        ({"durability": "exit"}, 1),
    ],
)
def test_durability_says_how_many_checkpoints_stay(http: httpx.Client, fields: Json, checkpoints: int) -> None:
    """After the input, before the first node, and after each of two nodes; or the last one alone."""
    run = kept(http, "simple", {"foo": 1}, **fields)
    states = history(http, run)
    assert [each["metadata"]["step"] for each in states] == [2, 1, 0, -1][:checkpoints]
    assert states[0]["values"] == {"foo": 1, "items": ["a", "b"]}


def test_a_run_that_fails_leaves_its_state_however_durable(http: httpx.Client) -> None:
    for durability, checkpoints in (("sync", 2), ("async", 2), ("exit", 1)):
        run = kept(http, "failing", {"foo": "value"}, durability=durability)
        assert len(history(http, run)) == checkpoints
        assert state(http, run)["next"] == ["fail_async"]


def test_values_that_json_does_not_have_are_kept(http: httpx.Client) -> None:
    """A checkpoint pickles values that it cannot name (recorded): the run ends as it does when it is not kept."""
    temporary = wait(http, "odd", {})
    run = kept(http, "odd", {})
    assert detail(http, run["run_id"])["error"] is None
    assert state(http, run)["values"] == thread(http, run)["values"] == temporary


def test_messages_are_kept(http: httpx.Client) -> None:
    run = kept(http, "chat", {"messages": [{"role": "user", "content": "hi"}]})
    values = thread(http, run)["values"]
    assert [(each["type"], each["content"]) for each in values["messages"]] == [
        ("human", "hi"),
        ("ai", "Hello world"),
        ("ai", "not streamed"),
    ]
    assert state(http, run)["values"] == values == detail(http, run["run_id"])["values"]


# Time


@pytest.fixture
def forgetful() -> Iterator[httpx.Client]:
    """A client of a server that keeps outcomes for 0.05 seconds, and at most one byte of them."""
    with (
        serving(run_ttl=0.05, run_retention_bytes=1) as live,
        live.client() as client,
    ):
        yield client


def test_a_kept_run_lives_as_long_as_its_thread(forgetful: httpx.Client) -> None:
    run = kept(forgetful, "simple", {"foo": 1})
    temporary = create(forgetful, "simple", {"foo": 1})
    until(lambda: forgetful.get(f"/runs/{temporary['run_id']}").status_code == 404)
    found = accepted(forgetful.get(f"/runs/{run['run_id']}")).json()
    assert (found["status"], found["expires_at"]) == ("success", None)
    assert accepted(forgetful.get(f"{run_path(run)}/join")).json() == {"foo": 1, "items": ["a", "b"]}
    assert thread(forgetful, run)["status"] == "idle"
    assert forgetful.delete(thread_path(run)).status_code == 204
    assert forgetful.get(f"/runs/{run['run_id']}").status_code == 404


@pytest.fixture(scope="module")
def impatient() -> Iterator[httpx.Client]:
    """A client of a server where a run may take a second: long enough to begin, also on a busy machine."""
    with serving(run_timeout=1.0) as live, live.client() as client:
        yield client


@pytest.mark.parametrize("graph", ["slow", "nested_slow"])
@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_a_run_that_takes_too_long_leaves_its_state_so_far(
    impatient: httpx.Client, graph: str, durability: str
) -> None:
    run = slow_run(impatient, graph, durability=durability)
    assert ended(impatient, run["run_id"])["status"] == "timeout"
    left = thread(impatient, run)
    assert (left["status"], left["values"], left["interrupts"]) == ("error", {"seconds": 60}, {})
    assert left["error"] == {"error": "TimeoutError", "message": ""}
    assert state(impatient, run)["next"] == ["pause" if graph == "slow" else "child"]


# Loops


def test_a_run_on_a_loop_of_its_own_is_kept_as_well() -> None:
    """Its thread is read on another loop than it was written on."""
    with serving(isolated_loops=True) as live, live.client() as http:
        runs = [create(http, "nested_asking", {"foo": number}, on_completion="keep") for number in range(10)]
        for number, run in enumerate(runs):
            ended(http, run["run_id"])
            assert thread(http, run)["values"] == {"foo": number, "items": []}
            assert [task["name"] for task in state(http, run)["tasks"]] == ["child"]
            assert http.delete(thread_path(run)).status_code == 204
        run = slow_run(http)
        assert http.post(f"{run_path(run)}/cancel", params={"wait": 1}).status_code == 200
        assert state(http, run)["next"] == ["pause"]
