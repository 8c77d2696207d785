"""Threads that are created with a state: `supersteps`, each a step that nodes are to have taken."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.graphs.graphs_under_test import entered, released
from tests.live import LiveServer, serving, until
from tests.web.calls import accepted, create
from tests.web.keeping import history, new_thread, state, stored, superstep, thread, thread_path, update

shows = pytest.mark.shows
SIMPLE = {"graph_id": "simple"}
FIRST = superstep(update("first", {"items": ["x"]}))
SECOND = superstep(update("second", {"items": ["y"]}))
Json = dict[str, Any]


def test_the_metadata_of_such_a_state_names_thread_and_graph(http: httpx.Client) -> None:
    """The graph at the first step only (recorded)."""
    made = new_thread(http, metadata={**SIMPLE, "mine": 1}, supersteps=[FIRST, SECOND])
    second, first = history(http, made, limit=10)
    named = {"thread_id": made["thread_id"], "source": "update", "parents": {}}
    assert first["metadata"] == {**named, "graph_id": "simple", "step": 0}
    assert second["metadata"] == {**named, "step": 1}


@shows("create_thread", "supersteps 200")
@pytest.mark.parametrize(
    ("steps", "values", "due", "status"),
    [
        pytest.param([FIRST, SECOND], {"items": ["x", "y"]}, [], "idle", id="all nodes"),
        pytest.param([SECOND], {"items": ["y"]}, [], "idle", id="the last node"),
        pytest.param([FIRST], {"items": ["x"]}, ["second"], "interrupted", id="half way"),
        pytest.param([superstep(update("first", None))], {"items": []}, ["second"], "interrupted", id="no values"),
        pytest.param([superstep({"as_node": "second"})], {"items": []}, [], "idle", id="nothing written"),
        pytest.param(
            [superstep(update("__start__", {"foo": 1}))], {"foo": 1, "items": []}, ["first"], "interrupted", id="start"
        ),
        pytest.param(
            [superstep(update("first", {"items": ["x"]}), update("second", {"items": ["y"]}))],
            {"items": ["x", "y"]},
            ["second"],
            "interrupted",
            id="two nodes in one step",
        ),
    ],
)
def test_a_thread_is_created_with_a_state(
    http: httpx.Client, steps: list[Json], values: Json, due: list[str], status: str
) -> None:
    made = new_thread(http, metadata=SIMPLE, supersteps=steps)
    assert (made["values"], made["status"], made["error"], made["interrupts"]) == (values, status, None, {})
    assert thread(http, made) == made
    newest = state(http, made)
    assert (newest["values"], newest["next"]) == (values, due)
    assert newest["checkpoint"]["thread_id"] == made["thread_id"]
    assert [each["metadata"]["source"] for each in history(http, made)] == ["update"] * len(steps)


@shows("create_thread", "supersteps")
@pytest.mark.parametrize(
    ("command", "values", "due"),
    [
        ({"update": {"items": ["x"], "foo": 1}}, {"foo": 1, "items": ["x"]}, ["second"]),
        ({"update": {"items": ["x"]}, "goto": "first"}, {"items": ["x"]}, ["first", "second"]),
        ({"goto": [{"node": "second", "input": {"foo": 2}}]}, {"items": []}, ["second", "second"]),
    ],
)
def test_a_step_may_be_a_command(http: httpx.Client, command: Json, values: Json, due: list[str]) -> None:
    """A node's command goes to the nodes that it names, in addition to the node's own edges."""
    made = new_thread(http, metadata=SIMPLE, supersteps=[superstep({"as_node": "first", "command": command})])
    assert made["values"] == values
    assert sorted(state(http, made)["next"]) == due


@shows("create_thread", "supersteps")
def test_the_steps_of_a_run_can_be_told_from_its_input_on(http: httpx.Client) -> None:
    given = superstep(update("__input__", {"foo": 1}))
    made = new_thread(http, metadata=SIMPLE, supersteps=[given, superstep(update("__start__", {"foo": 1})), FIRST])
    assert (made["values"], state(http, made)["next"]) == ({"foo": 1, "items": ["x"]}, ["second"])
    assert [each["metadata"]["source"] for each in history(http, made)] == ["update", "update", "input"]
    assert [each["next"] for each in history(http, made)] == [["second"], ["first"], ["__start__"]]


@shows("create_thread", "supersteps")
def test_no_steps_make_no_state(server: LiveServer, http: httpx.Client) -> None:
    made = new_thread(http, metadata=SIMPLE, supersteps=[])
    assert (made["status"], made["values"]) == ("idle", None)
    assert (state(http, made)["checkpoint"], history(http, made)) == (None, [])
    assert stored(server, made) == 0


@shows("create_thread", "supersteps")
def test_a_factory_makes_the_graph_whose_nodes_are_named(http: httpx.Client) -> None:
    steps = [superstep(update("labelled", {"items": ["told"]}))]
    made = new_thread(http, metadata={"graph_id": "factory"}, supersteps=steps)
    assert state(http, made)["values"] == made["values"] == {"items": ["told"]}


@shows("create_thread", "supersteps")
def test_the_state_of_a_thread_that_is_there_stays(http: httpx.Client) -> None:
    made = new_thread(http, metadata=SIMPLE, supersteps=[FIRST])
    fields: Json = {"metadata": SIMPLE, "supersteps": [SECOND], "thread_id": made["thread_id"]}
    assert new_thread(http, if_exists="do_nothing", **fields) == made
    assert http.post("/threads", json=fields).status_code == 409
    assert (len(history(http, made)), state(http, made)["values"]) == (1, {"items": ["x"]})


@shows("create_thread", "supersteps 422")
@pytest.mark.parametrize("metadata", [{}, {"graph_id": None}, {"graph_id": "nobody"}, {"graph_id": ["simple"]}])
def test_steps_of_no_known_graph_are_refused(http: httpx.Client, metadata: Json) -> None:
    taken = {"thread_id": new_thread(http)["thread_id"], "if_exists": "do_nothing"}
    for fields in ({}, taken):
        response = http.post("/threads", json={"metadata": metadata, "supersteps": [FIRST], **fields})
        assert response.status_code == 422
        assert "supersteps" in response.json()["detail"]
        assert "metadata.graph_id" in response.json()["detail"]


@shows("create_thread", "supersteps 422")
@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param(superstep(update("nobody", {"items": ["x"]})), id="an unknown node"),
        pytest.param(superstep(update("first", {"items": 5})), id="what the reducer cannot add"),
        pytest.param(superstep(update("first", [{"items": ["x"]}])), id="a list"),
        pytest.param(superstep(), id="no update"),
        pytest.param(superstep({"as_node": "nobody", "command": {"update": {"foo": 1}}}), id="a command"),
    ],
)
@pytest.mark.parametrize("before", [[], [FIRST]], ids=["alone", "after a good one"])
def test_a_step_that_the_graph_does_not_take_leaves_nothing(
    server: LiveServer, http: httpx.Client, before: list[Json], wrong: Json
) -> None:
    wanted = {"thread_id": str(uuid4()), "metadata": SIMPLE, "supersteps": [*before, wrong]}
    response = http.post("/threads", json=wanted)
    assert response.status_code == 422
    assert "supersteps" in response.json()["detail"]
    assert http.get(thread_path(wanted)).status_code == 404
    assert stored(server, wanted) == 0


@pytest.fixture
def own() -> Iterator[httpx.Client]:
    """A client of a server whose graphs may be held up."""
    with serving() as live, live.client() as client:
        yield client


@shows("create_thread", "409")
def test_of_several_at_once_one_creates_the_thread_and_its_state(own: httpx.Client) -> None:
    """A graph holds up the loop of all graphs for a while, so that each of them waits to write its steps."""
    wanted = {"thread_id": str(uuid4()), "metadata": SIMPLE}

    def post(number: int) -> int:
        steps = [superstep(update("second", {"items": [number]}))]
        return own.post("/threads", json={**wanted, "supersteps": steps}).status_code

    name = str(uuid4())
    create(own, "blocking", {"foo": name})
    until(lambda: entered[name])
    with ThreadPoolExecutor(8) as pool:
        posts = [pool.submit(post, number) for number in range(8)]
        for _ in range(20):
            accepted(own.get("/ok"))  # and so, in all likelihood, the server has read them
        released.add(name)
        statuses = [each.result() for each in posts]
    assert sorted(statuses) == [200] + 7 * [409]
    made = accepted(own.get(thread_path(wanted))).json()
    assert made["values"] == {"items": [statuses.index(200)]}
    assert [each["values"] for each in history(own, made)] == [made["values"]]
