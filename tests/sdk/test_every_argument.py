"""Every argument of the SDK's methods that create runs has its effect, by each method that takes it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import BadRequestError, NotFoundError, UnprocessableEntityError

from tests.sdk.creating import METHODS, Creator, arguments

SOME_ID = "01a1fcc4-be40-7503-a98b-f479b877e3b9"
SHOWN_IN_OTHER_TESTS = {
    "stream_mode", "stream_subgraphs", "stream_resumable", "version", "on_disconnect",  # test_every_stream.py
    "on_run_created", "raise_error",  # the Creator passes them to every method
}  # fmt: skip
GOING_ON = {"foo": 1, "items": ["a", "b"]}
FIRST_ONLY = {"foo": 1, "items": ["a"]}
LABELLED: dict[str, Any] = {"configurable": {"label": "mine"}}
SEND = {"node": "second", "input": {}}

# Argument, graph, passed arguments, and the values that the graph ends with.
VALUES: list[tuple[str, str, dict[str, Any], Any]] = [
    ("input", "builder", {"input": {"foo": [1, {"a": None}]}}, {"foo": [1, {"a": None}], "items": ["a"]}),
    ("command", "simple", {"command": {"goto": "second"}}, {"items": ["a", "b", "b"]}),
    ("command", "simple", {"command": {"goto": SEND}}, {"items": ["a", "b", "b"]}),
    ("command", "simple", {"command": {"goto": [SEND, SEND]}}, {"items": ["a", "b", "b", "b"]}),
    ("command", "simple", {"command": {"update": {"foo": 1}}}, GOING_ON),
    ("command", "simple", {"command": {"update": [("foo", 1)]}}, GOING_ON),
    ("config", "factory", {"input": {}, "config": LABELLED}, {"items": ["mine"]}),
    ("context", "contextual", {"input": {}, "context": {"user": "u"}}, {"foo": {"user": "u", "limit": 3}, "items": []}),
    ("interrupt_before", "simple", {"input": {"foo": 1}, "interrupt_before": ["second"]}, FIRST_ONLY),
    ("interrupt_before", "simple", {"input": {"foo": 1}, "interrupt_before": "*"}, {"foo": 1, "items": []}),
    ("interrupt_after", "simple", {"input": {"foo": 1}, "interrupt_after": ["first"]}, FIRST_ONLY),
    ("interrupt_after", "simple", {"input": {"foo": 1}, "interrupt_after": "*"}, FIRST_ONLY),
    # These change nothing: a stateless run has a thread of its own.
    ("if_not_exists", "simple", {"input": {"foo": 1}, "if_not_exists": "reject"}, GOING_ON),
    ("strict_resume", "simple", {"input": {"foo": 1}, "strict_resume": True}, GOING_ON),
    ("params", "simple", {"input": {"foo": 1}, "params": {"mine": "1"}}, GOING_ON),
]

# Argument, passed arguments, the path in the node's config, and the value there.
SEEN: list[tuple[str, dict[str, Any], tuple[str, ...], Any]] = [
    ("metadata", {"metadata": {"mine": 1}}, ("metadata", "mine"), 1),
    ("config", {"config": {"tags": ["t"]}}, ("tags",), ["t"]),
    ("config", {"config": {"metadata": {"mine": 2}}}, ("metadata", "mine"), 2),
    ("checkpoint_id", {"checkpoint_id": SOME_ID}, ("metadata", "checkpoint_id"), SOME_ID),
    ("checkpoint", {"checkpoint": {"checkpoint_id": SOME_ID}}, ("metadata", "checkpoint_id"), SOME_ID),
    ("headers", {"headers": {"x-request-id": "r"}}, ("configurable", "langgraph_request_id"), "r"),
    ("langsmith_tracing", {"langsmith_tracing": {"project_name": "p"}}, ("configurable", "__langsmith_project__"), "p"),
    (
        "langsmith_tracing",
        {"langsmith_tracing": {"project_name": "p", "example_id": SOME_ID}},
        ("configurable", "__langsmith_example_id__"),
        SOME_ID,
    ),
]

# Argument, passed arguments, the run's durability, and how many checkpoints a line of two nodes leaves.
CHECKPOINTS: list[tuple[str, dict[str, Any], str, int]] = [
    ("durability", {"durability": "sync"}, "sync", 4),
    ("durability", {"durability": "async"}, "async", 4),
    ("durability", {"durability": "exit"}, "exit", 1),
    ("checkpoint_during", {"checkpoint_during": True}, "async", 4),
    ("checkpoint_during", {"checkpoint_during": False}, "exit", 1),
]

# Argument, passed arguments, and the status of the refusal that names the argument.
REFUSED: list[tuple[str, dict[str, Any], int]] = [
    ("webhook", {"webhook": "http://127.0.0.1/hook"}, 422),
    ("feedback_keys", {"feedback_keys": "helpful"}, 422),
    ("stream_mode", {"stream_mode": "bogus"}, 422),
    ("durability", {"durability": "bogus"}, 422),
    ("on_completion", {"on_completion": "complete"}, 422),
    ("on_disconnect", {"on_disconnect": "bogus"}, 422),
    ("checkpoint_id", {"checkpoint_id": "bogus"}, 422),
    ("after_seconds", {"after_seconds": "soon"}, 422),
    ("config", {"config": {"recursion_limit": "many"}}, 422),
    ("metadata", {"metadata": [1]}, 422),
    ("command", {"command": {"resume": "yes"}}, 400),
]
CLASSES = {400: BadRequestError, 404: NotFoundError, 422: UnprocessableEntityError}


def with_methods(cases: list[Any]) -> pytest.MarkDecorator:
    """Each case by each method that takes its argument; the parameters are `method` and `case`."""
    taken = [
        pytest.param(method, case[1:], id=f"{method}-{case[0]}")
        for case in cases
        for method in METHODS
        if case[0] in arguments(method)
    ]
    return pytest.mark.parametrize(("method", "case"), taken)


def test_no_argument_of_the_sdk_is_forgotten() -> None:
    tables: list[list[Any]] = [VALUES, SEEN, CHECKPOINTS, REFUSED]
    tried = {case[0] for table in tables for case in table}
    tried |= {"on_completion", "after_seconds", "multitask_strategy"}  # tests of their own, below
    for method in METHODS:
        assert arguments(method) - tried - SHOWN_IN_OTHER_TESTS == set(), method


@with_methods(VALUES)
def test_what_the_graph_makes_of_an_argument(sdk: SyncLangGraphClient, method: str, case: Any) -> None:
    graph, fields, values = case
    assert Creator(sdk, method).ended(graph, **fields)["values"] == values


@with_methods(SEEN)
def test_what_the_node_finds_in_its_config(sdk: SyncLangGraphClient, method: str, case: Any) -> None:
    fields, path, expected = case
    [found] = Creator(sdk, method).ended("echo", input={}, **fields)["values"]["items"]
    for key in path:
        found = found[key]
    assert found == expected


@pytest.mark.filterwarnings("ignore:`checkpoint_during` is deprecated:DeprecationWarning")
@with_methods(CHECKPOINTS)
def test_durability_says_which_checkpoints_stay(sdk: SyncLangGraphClient, method: str, case: Any) -> None:
    fields, durability, checkpoints = case
    run = Creator(sdk, method).ended("simple", input={"foo": 1}, on_completion="keep", **fields)
    assert run["kwargs"]["durability"] == durability
    assert len(sdk.threads.get_history(run["thread_id"])) == checkpoints


def refused(creator: Creator, status: int, assistant: str = "simple", **fields: Any) -> str:
    """The text of the refusal. `wait` raises httpx's own error, with the body as a note; all others a typed one."""
    with pytest.raises(httpx.HTTPStatusError) as refusal:
        creator.create(assistant, **{"input": {"foo": 1}, **fields})
    assert refusal.value.response.status_code == status
    if creator.method == "wait":
        return " ".join(refusal.value.__notes__)
    assert type(refusal.value) is CLASSES[status]
    return str(refusal.value)


@with_methods(REFUSED)
def test_a_refusal_is_typed_and_names_the_argument(sdk: SyncLangGraphClient, method: str, case: Any) -> None:
    fields, status = case
    [name] = fields
    assert name in refused(Creator(sdk, method), status, **fields)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("assistant", "status"), [("nobody", 422), (SOME_ID, 404)])
def test_an_unknown_assistant_is_named(sdk: SyncLangGraphClient, method: str, assistant: str, status: int) -> None:
    assert assistant in refused(Creator(sdk, method), status, assistant)


@pytest.mark.parametrize("method", METHODS)
def test_a_recursion_limit_fails_the_run(sdk: SyncLangGraphClient, method: str) -> None:
    given = {"count": 5, "size": 0}
    failed = Creator(sdk, method).ended("laps", input=given, config={"recursion_limit": 5})
    assert (failed["status"], failed["error"]["error"]) == ("error", "GraphRecursionError")


@pytest.mark.parametrize("method", METHODS)
def test_a_run_without_input_fails(sdk: SyncLangGraphClient, method: str) -> None:
    assert Creator(sdk, method).ended("simple")["error"]["error"] == "EmptyInputError"


@pytest.mark.parametrize("method", METHODS)
def test_a_kept_run_is_found_after_its_end_and_another_is_not(sdk: SyncLangGraphClient, method: str) -> None:
    creator = Creator(sdk, method)
    kept = creator.ended("simple", input={"foo": 1}, on_completion="keep")
    assert sdk.runs.get(kept["thread_id"], kept["run_id"])["status"] == "success"
    for fields in ({"on_completion": "delete"}, {}):
        gone = creator.ended("simple", input={"foo": 1}, **fields)
        with pytest.raises(NotFoundError):
            sdk.runs.get(gone["thread_id"], gone["run_id"])


@pytest.mark.parametrize("method", METHODS)
def test_a_run_starts_after_its_delay(sdk: SyncLangGraphClient, method: str) -> None:
    run = Creator(sdk, method).ended("simple", input={"foo": 1}, after_seconds=0.2)
    received = run["kwargs"]["config"]["configurable"]["__request_start_time_ms__"] / 1000
    assert datetime.fromisoformat(run["started_at"]).timestamp() - received >= 0.199


@pytest.mark.parametrize("method", METHODS)
def test_a_strategy_is_kept_with_the_run(sdk: SyncLangGraphClient, method: str) -> None:
    run = Creator(sdk, method).ended("simple", input={"foo": 1}, multitask_strategy="rollback")
    assert (run["multitask_strategy"], run["status"]) == ("rollback", "success")
