"""`POST /runs/wait`: the outcome of a run in one JSON document."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from time import monotonic
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.graphs.graphs_under_test import released
from tests.live import LiveServer, serving
from tests.web.calls import INTERRUPT, detail, run_id_of, until_seen, until_status, wait

MASKED = "An internal error occurred"
SURE = {"question": "sure?"}
HEARTBEAT = 0.2


def interrupts_of(body: Any) -> list[Any]:
    """The values of a body's interrupts, after a look at the form of each."""
    for item in body["__interrupt__"]:
        assert list(item) == INTERRUPT
        assert re.fullmatch("[0-9a-f]{32}", item["id"])
        assert item.get("response_schema") is None  # before 1.2.16 LangGraph knows none
    return [item["value"] for item in body["__interrupt__"]]


# Success


@pytest.mark.shows("wait_run", "input 200")
@pytest.mark.parametrize(
    ("graph", "given", "values"),
    [
        ("simple", {"foo": "x"}, {"foo": "x", "items": ["a", "b"]}),
        ("simple", {"foo": "x", "unknown": 1}, {"foo": "x", "items": ["a", "b"]}),
        ("simple", {}, {"items": ["a", "b"]}),
        ("functional", 2, 4),
        ("builder", {"foo": 1}, {"foo": 1, "items": ["a"]}),
        ("factory", {"foo": 1}, {"foo": 1, "items": ["none"]}),
        ("managed", {"foo": 1}, {"foo": 1, "items": ["a"]}),
        ("nested", {"foo": 1}, {"foo": 1, "items": ["a"]}),
    ],
)
@pytest.mark.parametrize("on_completion", ["delete", "keep"])
def test_success_is_the_last_values(
    http: httpx.Client, graph: str, given: Any, values: Any, on_completion: str
) -> None:
    assert wait(http, graph, given, on_completion=on_completion) == values


@pytest.mark.parametrize("durability", ["sync", "async", "exit"])
def test_every_durability_works_without_a_thread(http: httpx.Client, durability: str) -> None:
    assert wait(http, "simple", {"foo": 1}, durability=durability) == {"foo": 1, "items": ["a", "b"]}


@pytest.mark.shows(
    "wait_run",
    "stream_mode=updates,messages,messages-tuple,tasks,checkpoints,events,debug,custom",
)
@pytest.mark.parametrize(
    "stream_mode",
    [
        "updates",
        "messages",
        "messages-tuple",
        "tasks",
        "checkpoints",
        "events",
        "debug",
        "custom",
        ["updates", "debug"],
    ],
    ids=str,
)
def test_without_values_among_the_modes_the_outcome_is_empty(http: httpx.Client, stream_mode: Any) -> None:
    assert wait(http, "simple", {"foo": 1}, stream_mode=stream_mode) == {}


@pytest.mark.shows("wait_run", "command command.goto command.update")
@pytest.mark.parametrize(
    ("command", "values"),
    [
        ({"goto": "second"}, {"items": ["a", "b", "b"]}),
        ({"goto": ["second"]}, {"items": ["a", "b", "b"]}),
        ({"goto": {"node": "second", "input": {"foo": 3}}}, {"items": ["a", "b", "b"]}),
        ({"goto": [{"node": "second", "input": {}}, {"node": "second", "input": {}}]}, {"items": ["a", "b", "b", "b"]}),
        ({"goto": "nowhere"}, {"items": ["a", "b"]}),
        ({"update": {"foo": 3}, "goto": "second"}, {"foo": 3, "items": ["a", "b", "b"]}),
    ],
)
def test_a_command_runs_beside_the_normal_start_and_beats_the_input(
    http: httpx.Client, command: Any, values: Any
) -> None:
    assert wait(http, "simple", {"foo": "unused"}, command=command) == values


# Interrupts


@pytest.mark.shows("wait_run", "stream_mode stream_mode=values")
@pytest.mark.parametrize("stream_mode", ["values", ["values", "updates"], ["values", "custom"]], ids=str)
@pytest.mark.parametrize(
    ("graph", "state", "values"),
    [
        ("asking", {"foo": 1, "items": ["a"]}, [SURE]),
        ("asking_twice", {"foo": 1, "items": []}, [SURE, "and you?"]),
        ("nested_asking", {"foo": 1, "items": []}, [SURE]),
    ],
)
def test_interrupts_come_with_the_state_and_each_once(
    http: httpx.Client, graph: str, state: Any, values: Any, stream_mode: Any
) -> None:
    body = wait(http, graph, {"foo": 1}, stream_mode=stream_mode)
    assert interrupts_of(body) == values
    assert {key: value for key, value in body.items() if key != "__interrupt__"} == state


@pytest.mark.parametrize(("graph", "values"), [("asking", [SURE]), ("asking_twice", [SURE, "and you?"])])
def test_with_updates_alone_interrupts_come_without_state(http: httpx.Client, graph: str, values: Any) -> None:
    body = wait(http, graph, {"foo": 1}, stream_mode="updates")
    assert list(body) == ["__interrupt__"]
    assert interrupts_of(body) == values


@pytest.mark.parametrize("stream_mode", ["custom", "messages", "messages-tuple", "debug"])
def test_other_modes_say_nothing_of_interrupts(http: httpx.Client, stream_mode: str) -> None:
    assert wait(http, "asking", {"foo": 1}, stream_mode=stream_mode) == {}


@pytest.mark.shows("wait_run", "interrupt_before interrupt_after")
@pytest.mark.parametrize(
    ("fields", "items"),
    [
        ({"interrupt_before": ["second"]}, ["a"]),
        ({"interrupt_before": ["first"]}, []),
        ({"interrupt_before": "*"}, []),
        ({"interrupt_before": "xx_second_yy"}, ["a"]),
        ({"interrupt_before": {"second": 1}}, ["a"]),
        ({"interrupt_before": []}, ["a", "b"]),
        ({"interrupt_before": ["nowhere"]}, ["a", "b"]),
        ({"interrupt_after": ["first"]}, ["a"]),
        ({"interrupt_after": "*"}, ["a"]),
    ],
)
def test_a_static_interrupt_looks_like_success(http: httpx.Client, fields: Any, items: list[str]) -> None:
    """Any container is asked whether it has the node (recorded)."""
    assert wait(http, "simple", {"foo": 1}, **fields) == {"foo": 1, "items": items}


# The response


def test_headers_name_the_run_under_its_thread(http: httpx.Client) -> None:
    response = http.post("/runs/wait", json={"assistant_id": "simple", "input": {"foo": 1}})
    run = detail(http, run_id_of(response))
    location = f"/threads/{run['thread_id']}/runs/{run['run_id']}"
    headers = dict(response.headers)
    del headers["date"]
    headers.pop("vary", None)  # which is Starlette's business
    assert headers == {
        "server": "uvicorn",
        "content-type": "application/json",
        "content-location": location,
        "location": f"{location}/join",
        "transfer-encoding": "chunked",
    }
    assert response.text == '{"foo":1,"items":["a","b"]}'


def test_the_run_is_settled_when_its_answer_is_complete(http: httpx.Client) -> None:
    for _ in range(10):
        response = http.post("/runs/wait", json={"assistant_id": "simple", "input": {"foo": 1}})
        assert detail(http, run_id_of(response))["status"] == "success"


@pytest.fixture(scope="module")
def beating() -> Iterator[LiveServer]:
    """A server whose heart beats five times a second."""
    with serving(heartbeat=HEARTBEAT) as live:
        yield live


def test_newlines_keep_the_connection_until_the_json(beating: LiveServer) -> None:
    name, start = str(uuid4()), monotonic()
    body = {"assistant_id": "held", "input": {"foo": name}}
    with (
        beating.client() as http,
        http.stream("POST", "/runs/wait", json=body) as response,
    ):
        parts = response.iter_bytes()
        seen = until_seen(parts, b"\n", 4)
        released.add(name)
        beats, found, outcome = (seen + b"".join(parts)).partition(b"{")
        assert set(beats) == set(b"\n")
        assert json.loads(found + outcome) == {"foo": name, "items": ["released"]}
        assert len(beats) - 1 <= (monotonic() - start) / HEARTBEAT


@pytest.mark.shows("wait_run", "after_seconds")
def test_headers_and_newlines_come_before_the_run_starts(beating: LiveServer) -> None:
    body = {"assistant_id": "simple", "input": {"foo": 1}, "after_seconds": 3600}
    with (
        beating.client() as http,
        http.stream("POST", "/runs/wait", json=body) as response,
    ):
        assert set(next(response.iter_bytes())) == set(b"\n")
        run_id = run_id_of(response)
        assert detail(http, run_id)["status"] == "pending"
        assert http.delete(f"/runs/{run_id}").status_code == 204


@pytest.mark.shows("wait_run", "after_seconds")
def test_a_delayed_run_is_waited_for(http: httpx.Client) -> None:
    assert wait(http, "simple", {"foo": 1}, after_seconds=0.1) == {"foo": 1, "items": ["a", "b"]}


def test_a_run_that_takes_too_long_ends_as_timeout() -> None:
    with serving(run_timeout=2.0) as live, live.client() as http:
        response = http.post("/runs/wait", json={"assistant_id": "slow", "input": {"seconds": 60}})
        error = {"error": "TimeoutError", "message": ""}
        assert response.json() == {"__error__": error}
        run = detail(http, run_id_of(response))
        assert (run["status"], run["error"], run["values"]) == ("timeout", error, {"seconds": 60})


def test_a_timeout_of_the_graphs_own_is_an_error(http: httpx.Client) -> None:
    response = http.post("/runs/wait", json={"assistant_id": "raising", "input": {"foo": "TimeoutError"}})
    assert detail(http, run_id_of(response))["status"] == "error"


def test_a_body_that_has_left_is_still_run_to_its_end(http: httpx.Client) -> None:
    """Without `on_disconnect` the run goes on, and its outcome waits under its id."""
    with http.stream("POST", "/runs/wait", json={"assistant_id": "slow", "input": {"seconds": 0.1}}) as response:
        run_id = run_id_of(response)
    assert until_status(http, run_id, "success")["values"] == {"seconds": 0.1, "done": True}
