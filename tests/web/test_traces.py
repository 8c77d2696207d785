"""The traces of runs: `langsmith_tracer` names a project and an example, the environment names the usual project."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.cli.processes import Serving
from tests.live import DEADLINE, until
from tests.web.calls import Json
from tests.web.creating import EVERY, PATHS, Creator
from tests.web.trace_receiver import TraceReceiver, receiving, serving_traced

shows = pytest.mark.shows
USUAL = "usual-project"
EXAMPLE = "01a1fcc4-be40-7503-a98b-f479b877e3b9"


@pytest.fixture(scope="module")
def receiver() -> Iterator[TraceReceiver]:
    """The receiver of the traces."""
    with receiving() as found:
        yield found


@pytest.fixture(scope="module")
def traced(receiver: TraceReceiver) -> Iterator[Serving]:
    """A server that traces every run."""
    with serving_traced(receiver, USUAL) as process:
        yield process


@pytest.fixture
def http(traced: Serving) -> Iterator[httpx.Client]:
    """A client of that server."""
    with httpx.Client(base_url=traced.url, timeout=DEADLINE) as client:
        yield client


@pytest.fixture(params=PATHS)
def runs(http: httpx.Client, request: pytest.FixtureRequest) -> Creator:
    """Each operation that creates runs."""
    return Creator(http, request.param)


def trace(receiver: TraceReceiver, run: Json, nodes: set[str]) -> list[Json]:
    """The posted traces of a run, once the graph and its nodes are among them."""
    names = {run["kwargs"]["config"]["configurable"]["graph_id"], *nodes}
    until(lambda: names <= {each["name"] for each in receiver.traces(run["thread_id"])})
    assert receiver.unread == []
    return receiver.traces(run["thread_id"])


@shows(EVERY, "langsmith_tracer")
@pytest.mark.parametrize("on_completion", ["delete", "keep"])
def test_a_run_is_traced_to_the_project_that_it_names(
    runs: Creator, receiver: TraceReceiver, on_completion: str
) -> None:
    fields: Json = {"on_completion": on_completion, "langsmith_tracer": {"project_name": "my-project"}}
    run = runs.ended("simple", {"foo": 1}, **fields)
    assert run["values"] == {"foo": 1, "items": ["a", "b"]}
    posted = trace(receiver, run, {"first", "second"})
    assert {each["session_name"] for each in posted} == {"my-project"}
    assert len({each["id"] for each in posted}) == len(posted), "a run was traced twice"
    assert [each["id"] for each in posted if each["name"] == "simple"] == [run["run_id"]]


@pytest.mark.parametrize("tracer", [{}, {"langsmith_tracer": None}, {"langsmith_tracer": {}}])
def test_any_other_run_is_traced_to_the_usual_project(http: httpx.Client, receiver: TraceReceiver, tracer: Any) -> None:
    run = Creator(http, "create_run").ended("simple", {"foo": 1}, **tracer)
    posted = trace(receiver, run, {"first", "second"})
    assert {each["session_name"] for each in posted} == {USUAL}


@shows(EVERY, "langsmith_tracer")
def test_a_run_is_traced_as_one_of_the_example_that_it_names(runs: Creator, receiver: TraceReceiver) -> None:
    """The run itself, not its nodes; to the usual project, since it names none."""
    run = runs.ended("simple", {"foo": 1}, langsmith_tracer={"example_id": EXAMPLE})
    posted = trace(receiver, run, {"first", "second"})
    assert {each["session_name"] for each in posted} == {USUAL}
    examples = {each["name"]: each.get("reference_example_id") for each in posted}
    assert examples["simple"] == EXAMPLE
    assert examples["first"] is examples["second"] is None


def test_runs_at_once_are_traced_each_to_its_own_project(http: httpx.Client, receiver: TraceReceiver) -> None:
    projects = [f"project-{number}" for number in range(5)]
    body = [
        {"assistant_id": "slow", "input": {"seconds": 0.1}, "langsmith_tracer": {"project_name": project}}
        for project in projects
    ]
    created = http.post("/runs/batch", json=body).json()
    posted = [trace(receiver, run, {"pause"}) for run in created]
    assert [{each["session_name"] for each in one} for one in posted] == [{project} for project in projects]


def test_a_graph_inside_a_graph_is_traced_with_it(http: httpx.Client, receiver: TraceReceiver) -> None:
    run = Creator(http, "create_run").ended("nested_chat", {"messages": []}, langsmith_tracer={"project_name": "inner"})
    posted = trace(receiver, run, {"child", "model", "GenericFakeChatModel"})
    assert {each["session_name"] for each in posted} == {"inner"}
