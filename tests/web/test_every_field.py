"""Every field of a create request does the same on each operation that creates runs."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.live import LiveServer
from tests.web.calls import accepted, ended, names, payloads
from tests.web.creating import EVERY, PATHS, Creator

shows = pytest.mark.shows
SIMPLE = "5e0f6b46-d00f-5af4-87dc-ea2105ff526d"  # recorded for a graph of this name
SOME_ID = "01a1fcc4-be40-7503-a98b-f479b877e3b9"
HELLO = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture(params=PATHS)
def runs(http: httpx.Client, request: pytest.FixtureRequest) -> Creator:
    """Each operation that creates runs."""
    return Creator(http, request.param)


EFFECTS: list[tuple[str, str, Any, Any, Any]] = [
    ("input", "builder", {"foo": [1, {"a": None}]}, {}, {"foo": [1, {"a": None}], "items": ["a"]}),
    ("command command.goto", "simple", None, {"command": {"goto": "second"}}, {"items": ["a", "b", "b"]}),
    ("command.update", "simple", None, {"command": {"update": {"foo": 3}}}, {"foo": 3, "items": ["a", "b"]}),
    ("config.configurable", "factory", {}, {"config": {"configurable": {"label": "mine"}}}, {"items": ["mine"]}),
    ("context", "contextual", {}, {"context": {"user": "u"}}, {"foo": {"user": "u", "limit": 3}, "items": []}),
    ("interrupt_before", "simple", {"foo": 1}, {"interrupt_before": ["second"]}, {"foo": 1, "items": ["a"]}),
    ("interrupt_after", "simple", {"foo": 1}, {"interrupt_after": ["first"]}, {"foo": 1, "items": ["a"]}),
    ("if_not_exists", "simple", {"foo": 1}, {"if_not_exists": "reject"}, {"foo": 1, "items": ["a", "b"]}),
    ("strict_resume", "simple", {"foo": 1}, {"strict_resume": True}, {"foo": 1, "items": ["a", "b"]}),
]


@pytest.mark.parametrize(
    ("graph", "given", "fields", "values"),
    [pytest.param(*case, marks=shows(EVERY, field), id=field) for field, *case in EFFECTS],
)
def test_what_the_graph_makes_of_a_field(runs: Creator, graph: str, given: Any, fields: Any, values: Any) -> None:
    assert runs.ended(graph, given, **fields)["values"] == values


@shows(EVERY, "assistant_id 200")
@pytest.mark.parametrize("assistant", ["simple", SIMPLE])
def test_the_assistant_is_the_one_that_runs(runs: Creator, assistant: str) -> None:
    run = runs.ended(assistant, {"foo": 1})
    assert (run["assistant_id"], run["values"]) == (SIMPLE, {"foo": 1, "items": ["a", "b"]})


@shows(EVERY, "metadata config config.tags")
def test_metadata_and_config_reach_the_graph_and_the_run_shows_them(runs: Creator) -> None:
    config = {"tags": ["t"], "metadata": {"of": "config"}}
    run = runs.ended("echo", {}, metadata={"mine": 1}, config=config)
    [seen] = run["values"]["items"]
    assert (seen["tags"], seen["metadata"]["mine"], seen["metadata"]["of"]) == (["t"], 1, "config")
    assert (run["metadata"]["mine"], run["metadata"]["of"]) == (1, "config")
    assert run["kwargs"]["config"]["tags"] == ["t"]


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"checkpoint": {"checkpoint_id": SOME_ID}}, marks=shows(EVERY, "checkpoint")),
        pytest.param({"checkpoint_id": SOME_ID}, marks=shows(EVERY, "checkpoint_id")),
    ],
)
def test_a_checkpoint_reaches_the_graph(runs: Creator, fields: Any) -> None:
    """The run's own thread does not have it, so there is nothing to go on from."""
    [seen] = runs.ended("echo", {}, **fields)["values"]["items"]
    assert seen["metadata"]["checkpoint_id"] == SOME_ID


@shows(EVERY, "config.recursion_limit")
def test_a_recursion_limit_ends_the_run(runs: Creator) -> None:
    given = {"count": 5, "size": 0}
    assert runs.ended("laps", given, config={"recursion_limit": 6})["status"] == "success"
    failed = runs.ended("laps", given, config={"recursion_limit": 5})
    assert (failed["status"], failed["error"]["error"]) == ("error", "GraphRecursionError")


@shows(EVERY, "stream_mode")
def test_several_modes_are_streamed_together(runs: Creator) -> None:
    events = runs.events("builder", {"foo": 1}, stream_mode=["updates", "custom"])
    assert names(events) == ["custom", "updates"]
    assert payloads(events) == [{"progress": 1}, {"first": {"items": ["a"]}}]


MESSAGES = {"messages/metadata", "messages/partial", "messages/complete"}


@pytest.mark.parametrize(
    ("mode", "graph", "expected"),
    [
        pytest.param(mode, graph, expected, marks=shows(EVERY, f"stream_mode={mode}"))
        for mode, graph, expected in [
            *[(mode, "builder", {mode}) for mode in ("values", "updates", "tasks", "checkpoints", "debug", "custom")],
            ("events", "chat", {"events"}),
            ("messages", "chat", MESSAGES),
            ("messages-tuple", "chat", {"messages"}),
        ]
    ],
)
def test_a_mode_is_streamed_alone(runs: Creator, mode: str, graph: str, expected: set[str]) -> None:
    """Kept, since a run whose thread is deleted has no checkpoints."""
    given = HELLO if graph == "chat" else {"foo": 1}
    assert set(names(runs.events(graph, given, stream_mode=mode, on_completion="keep"))) == expected


@shows(EVERY, "stream_subgraphs")
@pytest.mark.parametrize(("asked", "expected"), [(True, ["updates|child", "updates"]), (False, ["updates"])])
def test_subgraphs_are_streamed_if_asked_for(runs: Creator, asked: bool, expected: list[str]) -> None:
    events = runs.events("nested", {"foo": 1}, stream_mode="updates", stream_subgraphs=asked)
    assert [name.partition(":")[0] for name in names(events)] == expected


@shows(EVERY, "stream_resumable")
@pytest.mark.parametrize(("resumable", "ids"), [(True, ["1", "2", "3", "4"]), (False, [])])
def test_only_a_resumable_run_can_be_read_again(runs: Creator, resumable: bool, ids: list[str]) -> None:
    run = runs.ended("simple", {"foo": 1}, stream_resumable=resumable)
    replay = accepted(runs.http.get(f"/runs/{run['run_id']}/stream", headers={"last-event-id": "-1"}))
    assert [line[4:] for line in replay.text.splitlines() if line.startswith("id: ")] == ids


@pytest.mark.parametrize(
    ("on_completion", "status"),
    [
        pytest.param("delete", 404, marks=shows(EVERY, "on_completion=delete")),
        pytest.param("keep", 200, marks=shows(EVERY, "on_completion=keep")),
    ],
)
def test_a_thread_is_kept_or_deleted_with_the_end_of_its_run(runs: Creator, on_completion: str, status: int) -> None:
    run = runs.ended("simple", {"foo": 1}, on_completion=on_completion)
    assert run["kwargs"]["temporary"] == (on_completion == "delete")
    assert runs.http.get(f"/threads/{run['thread_id']}/runs/{run['run_id']}").status_code == status


@shows(EVERY, "after_seconds")
def test_a_run_starts_after_its_delay(runs: Creator) -> None:
    run = runs.ended("simple", {"foo": 1}, after_seconds=0.2)
    received = run["kwargs"]["config"]["configurable"]["__request_start_time_ms__"] / 1000
    assert datetime.fromisoformat(run["started_at"]).timestamp() - received >= 0.199
    assert run["status"] == "success"


@pytest.mark.parametrize(
    ("fields", "durability", "checkpoints"),
    [
        pytest.param({"durability": "sync"}, "sync", 3, marks=shows(EVERY, "durability=sync")),
        pytest.param({"durability": "async"}, "async", 3, marks=shows(EVERY, "durability=async")),
        pytest.param({"durability": "exit"}, "exit", 1, marks=shows(EVERY, "durability=exit")),
        pytest.param({"checkpoint_during": False}, "exit", 1, marks=shows(EVERY, "checkpoint_during")),
        pytest.param({"checkpoint_during": True}, "async", 3, marks=shows(EVERY, "checkpoint_during")),
    ],
)
def test_durability_says_which_checkpoints_stay(runs: Creator, fields: Any, durability: str, checkpoints: int) -> None:
    """One after the input, one before and one after the only node; or the last one alone."""
    run = runs.ended("builder", {"foo": 1}, on_completion="keep", **fields)
    assert run["kwargs"]["durability"] == durability
    assert len(accepted(runs.http.get(f"/threads/{run['thread_id']}/history")).json()) == checkpoints


@shows(EVERY, "multitask_strategy")
def test_a_strategy_is_kept_with_the_run(runs: Creator) -> None:
    """Nothing else comes of it: no other run is on the same thread."""
    run = runs.ended("simple", {"foo": 1}, multitask_strategy="reject")
    assert (run["multitask_strategy"], run["status"]) == ("reject", "success")


@pytest.mark.parametrize("operation", ["create_run", "create_run_batch"])
@pytest.mark.parametrize(
    "value",
    [
        pytest.param(value, marks=shows("create_run create_run_batch", f"on_disconnect={value}"))
        for value in ("cancel", "continue")
    ],
)
def test_a_background_run_outlives_the_connection_of_its_client(server: LiveServer, operation: str, value: str) -> None:
    with server.client() as leaving:
        run_id = Creator(leaving, operation).create("slow", {"seconds": 0.1}, on_disconnect=value)
    with server.client() as staying:
        assert ended(staying, run_id)["values"] == {"seconds": 0.1, "done": True}


@shows(EVERY, "command.resume 400")
def test_a_run_without_a_thread_has_nothing_to_resume(runs: Creator) -> None:
    response = runs.post("simple", command={"resume": "yes"})
    assert response.status_code == 400
    assert "command.resume: " in response.json()["detail"]
