"""A failing graph shows its exception's class, and the text of known classes; other runs go on."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.live import serving
from tests.web.calls import create, detail, ended, run_id_of, wait

MASKED = "An internal error occurred"


@pytest.mark.parametrize(
    ("graph", "given", "error", "message"),
    [
        ("failing", "value", "ValueError", "boom"),
        ("failing", "key", "KeyError", "'missing'"),
        ("failing", "own", "OwnError", MASKED),
        ("failing", "group", "ValueError", "a"),
        ("failing", "surrogate", "ValueError", "lone ? surrogate"),
        ("raising", "TypeError", "TypeError", "said"),
        ("raising", "AttributeError", "AttributeError", "said"),
        ("raising", "RuntimeError", "RuntimeError", "said"),
        ("raising", "TimeoutError", "TimeoutError", "said"),
        ("raising", "HTTPException", "HTTPException", "418: said"),
        ("raising", "UnboundLocalError", "UnboundLocalError", MASKED),
        ("raising", "CancelledError", "NodeCancelledError", MASKED),
    ],
)
def test_a_failure_is_shown_by_class_and_its_text_only_if_the_class_is_known(
    http: httpx.Client, graph: str, given: str, error: str, message: str
) -> None:
    response = http.post("/runs/wait", json={"assistant_id": graph, "input": {"foo": given}})
    assert response.json() == {"__error__": {"error": error, "message": message}}
    outcome = detail(http, run_id_of(response))
    assert (outcome["status"], outcome["error"]) == ("error", {"error": error, "message": message})


@pytest.mark.shows("wait_run", "config.recursion_limit")
@pytest.mark.parametrize(
    ("given", "fields", "error", "message"),
    [
        (None, {}, "EmptyInputError", "Received no input for __start__"),
        (5, {}, "InvalidUpdateError", "Expected dict, got 5\n"),
        ({"foo": 1}, {"config": {"recursion_limit": 2}}, "GraphRecursionError", "Recursion limit of 2 reached"),
        ({"foo": 1}, {"config": {"recursion_limit": 2.0}}, "GraphRecursionError", "Recursion limit of 2 reached"),
        ({"foo": 1}, {"config": {"recursion_limit": 0}}, "ValueError", "recursion_limit must be at least 1"),
        ({"foo": 1}, {"config": {"recursion_limit": -3}}, "ValueError", "recursion_limit must be at least 1"),
        ({"foo": 1}, {"interrupt_before": 5}, "TypeError", "argument of type 'int' is not iterable"),
        ({"foo": 1}, {"interrupt_after": True}, "TypeError", "argument of type 'bool' is not iterable"),
        ({"foo": 1}, {"command": {"resume": False}}, "RuntimeError", "Cannot use Command(resume=...) without"),
        ({"foo": 1}, {"command": {"resume": 0}}, "RuntimeError", "Cannot use Command(resume=...) without"),
    ],
)
def test_what_langgraph_refuses_is_the_runs_error(
    http: httpx.Client, given: Any, fields: Any, error: str, message: str
) -> None:
    failure = wait(http, "simple", given, **fields)["__error__"]
    assert failure["error"] == error
    assert failure["message"].startswith(message)


def test_pydantic_tells_what_it_misses(http: httpx.Client) -> None:
    failure = wait(http, "raising", {"foo": "ValidationError"})["__error__"]
    assert failure["error"] == "ValidationError"
    assert "Field required" in failure["message"]


@pytest.mark.parametrize("given", ["exit", "async exit"])
def test_sys_exit_in_a_node_ends_that_run_only(http: httpx.Client, given: str) -> None:
    bystander = create(http, "slow", {"seconds": 0.2})
    assert wait(http, "failing", {"foo": given}) == {"__error__": {"error": "SystemExit", "message": MASKED}}
    assert http.get("/ok").json()["ok"]
    assert ended(http, bystander["run_id"])["status"] == "success"


def test_an_error_that_cannot_be_formatted_costs_no_slot() -> None:
    """Python's own traceback of it is a TypeError; the next run has the only slot all the same."""
    with serving(concurrency=1) as live, live.client() as http:
        for _ in range(2):
            assert wait(http, "raising", {"foo": "MisplacedSyntaxError"})["__error__"]["error"] == "SyntaxError"
        assert wait(http, "simple", {"foo": 1})["foo"] == 1
