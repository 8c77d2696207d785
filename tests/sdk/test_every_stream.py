"""Streams of the SDK: every mode, subgraphs, joining, replaying, and leaving early."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from langgraph_sdk.client import SyncLangGraphClient

from tests.live import LiveServer, until
from tests.sdk.both_clients import KINDS, client_of

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "hi"}]}
MESSAGES = {"messages/metadata", "messages/partial", "messages/complete"}
BOTH: Any = ["values", "updates"]
EVENTS = ["values", "updates", "values", "updates", "values"]
DEFAULT_AND_FORMS: list[tuple[Any, list[str]]] = [
    (None, ["metadata", *EVENTS]),
    ("updates", ["updates"] * 2),
    (["updates"], ["updates"] * 2),
    (BOTH, EVENTS),
    ("values,updates", EVENTS),
    ('["values"]', ["values"] * 3),
    ("custom", []),
]


def names(parts: Any) -> list[str]:
    return [part.event for part in parts]


def status(sdk: SyncLangGraphClient, run_id: str) -> str:
    run: Any = sdk.http.get(f"/runs/{run_id}")
    return str(run["status"])


# POST /runs/stream


@pytest.mark.parametrize(
    ("mode", "graph", "expected"),
    [
        *[(mode, "simple", {mode}) for mode in ("values", "updates", "tasks", "checkpoints", "debug", "custom")],
        ("events", "chat", {"events"}),
        ("messages", "chat", MESSAGES),
        ("messages-tuple", "chat", {"messages"}),
    ],
)
@pytest.mark.parametrize("as_list", [False, True], ids=["single", "list"])
def test_every_mode_is_streamed(
    sdk: SyncLangGraphClient, mode: Any, graph: str, expected: set[str], as_list: bool
) -> None:
    """Kept, since a run whose thread is deleted has no checkpoints."""
    given = HELLO if graph == "chat" else {"foo": 1}
    stream = sdk.runs.stream(None, graph, input=given, stream_mode=[mode] if as_list else mode, on_completion="keep")
    assert set(names(stream)) == {"metadata"} | expected


def test_several_modes_are_streamed_together(sdk: SyncLangGraphClient) -> None:
    assert names(sdk.runs.stream(None, "simple", input={"foo": 1}, stream_mode=BOTH)) == ["metadata", *EVENTS]


@pytest.mark.parametrize(("asked", "expected"), [(True, ["updates|child", "updates"]), (False, ["updates"])])
def test_subgraphs_are_streamed_if_asked_for(sdk: SyncLangGraphClient, asked: bool, expected: list[str]) -> None:
    stream = sdk.runs.stream(None, "nested", input={"foo": 1}, stream_mode="updates", stream_subgraphs=asked)
    assert [name.partition(":")[0] for name in names(stream)] == ["metadata", *expected]


@pytest.mark.parametrize(("resumable", "ids"), [(True, ["1", "2", "3", "4"]), (False, [None] * 4)])
def test_only_events_of_a_resumable_run_have_ids(sdk: SyncLangGraphClient, resumable: bool, ids: list[Any]) -> None:
    stream = sdk.runs.stream(None, "simple", input={"foo": 1}, stream_resumable=resumable)
    assert [part.id or None for part in stream] == ids


def test_the_second_version_names_type_and_namespace(sdk: SyncLangGraphClient) -> None:
    stream = sdk.runs.stream(
        None, "nested_asking", input={"foo": 1}, stream_mode="values", stream_subgraphs=True, version="v2"
    )
    parts: list[Any] = [part for part in stream if part["type"] == "values"]
    inner, outer = [part for part in parts if part["interrupts"]]
    assert [len(part["ns"]) for part in (inner, outer)] == [1, 0]
    assert [item["value"] for item in outer["interrupts"]] == [{"question": "sure?"}]


def test_a_failing_run_ends_with_its_error(sdk: SyncLangGraphClient) -> None:
    *_, last = sdk.runs.stream(None, "failing", input={"foo": "own"})
    assert (last.event, last.data) == ("error", {"error": "OwnError", "message": "An internal error occurred"})


def test_the_ids_of_a_run_come_before_its_events(sdk: SyncLangGraphClient) -> None:
    """From `Content-Location`, by each of the three methods that have the callback."""
    created: list[Any] = []
    stream = sdk.runs.stream(None, "simple", input={"foo": 1}, on_run_created=created.append)
    assert next(iter(stream)).data["run_id"] == created[0]["run_id"]
    sdk.runs.wait(None, "simple", input={"foo": 1}, on_run_created=created.append)
    run: Any = sdk.runs.create(None, "simple", input={"foo": 1}, on_run_created=created.append)
    assert created[2]["run_id"] == run["run_id"]
    for ids in created:
        assert sdk.http.get(f"/runs/{ids['run_id']}/join") == {"foo": 1, "items": ["a", "b"]}
        assert ids["thread_id"] in (None, sdk.http.get(f"/runs/{ids['run_id']}")["thread_id"])


# GET /threads/{thread_id}/runs/{run_id}/stream and GET /runs/{run_id}/stream


@pytest.fixture
def resumable(sdk: SyncLangGraphClient) -> Any:
    """A run that has ended and can be replayed."""
    run: Any = sdk.runs.create(None, "simple", input={"foo": 1}, stream_mode=BOTH, stream_resumable=True)
    sdk.runs.join(run["thread_id"], run["run_id"])
    return run


@pytest.mark.parametrize(("modes", "expected"), DEFAULT_AND_FORMS, ids=str)
def test_a_replay_has_the_modes_asked_for(
    sdk: SyncLangGraphClient, resumable: Any, modes: Any, expected: list[str]
) -> None:
    """The SDK repeats the parameter for a list; older ones send a JSON array, and curl users commas."""
    ids = resumable["thread_id"], resumable["run_id"]
    assert names(sdk.runs.join_stream(*ids, stream_mode=modes, last_event_id="-1")) == expected
    by_id = sdk.http.stream(
        f"/runs/{ids[1]}/stream", "GET", params={"stream_mode": modes}, headers={"Last-Event-ID": "-1"}
    )
    assert names(by_id) == expected


@pytest.mark.parametrize(
    ("last_event_id", "ids"), [("-1", "123456"), ("0", "123456"), ("2", "3456"), ("6", ""), ("x", ""), (None, "")]
)
def test_a_replay_goes_on_after_the_last_event(
    sdk: SyncLangGraphClient, resumable: Any, last_event_id: str | None, ids: str
) -> None:
    stream = sdk.runs.join_stream(resumable["thread_id"], resumable["run_id"], last_event_id=last_event_id)
    assert [part.id for part in stream] == list(ids)


def test_an_unknown_mode_of_a_join_is_refused(sdk: SyncLangGraphClient, resumable: Any) -> None:
    bogus: Any = "bogus"
    with pytest.raises(httpx.HTTPStatusError, match="stream_mode"):
        list(sdk.runs.join_stream(resumable["thread_id"], resumable["run_id"], stream_mode=bogus))


def test_a_run_that_waits_to_start_is_followed_from_its_beginning(sdk: SyncLangGraphClient) -> None:
    delay: Any = 0.2
    run: Any = sdk.runs.create(None, "simple", input={"foo": 1}, after_seconds=delay)
    assert names(sdk.runs.join_stream(run["thread_id"], run["run_id"])) == ["metadata"] + ["values"] * 3
    run = sdk.runs.create(None, "simple", input={"foo": 1}, after_seconds=delay)
    assert names(sdk.http.stream(f"/runs/{run['run_id']}/stream", "GET")) == ["metadata"] + ["values"] * 3


# Leaving before the end


@pytest.mark.parametrize(
    ("on_disconnect", "end"), [("cancel", "interrupted"), ("continue", "success"), (None, "success")]
)
def test_leaving_a_stream_cancels_its_run_if_asked_to(sdk: SyncLangGraphClient, on_disconnect: Any, end: str) -> None:
    seconds = 30 if end == "interrupted" else 0.3
    stream: Any = sdk.runs.stream(
        None, "slow", input={"seconds": seconds}, stream_mode="custom", on_disconnect=on_disconnect
    )
    run_id = next(stream).data["run_id"]
    assert next(stream).data == "paused"
    assert status(sdk, run_id) == "running"
    stream.close()
    until(lambda: status(sdk, run_id) != "running")
    assert status(sdk, run_id) == end


@pytest.mark.parametrize(("cancel", "end"), [(True, "interrupted"), (False, "success")])
@pytest.mark.parametrize("under_thread", [True, False], ids=["under the thread", "by id"])
def test_leaving_a_joined_stream_cancels_the_run_if_asked_to(
    sdk: SyncLangGraphClient, cancel: bool, end: str, under_thread: bool
) -> None:
    run: Any = sdk.runs.create(
        None, "slow", input={"seconds": 30 if cancel else 0.3}, stream_mode="custom", stream_resumable=True
    )
    stream: Any = (
        sdk.runs.join_stream(run["thread_id"], run["run_id"], cancel_on_disconnect=cancel, last_event_id="-1")
        if under_thread
        else sdk.http.stream(
            f"/runs/{run['run_id']}/stream",
            "GET",
            params={"cancel_on_disconnect": cancel},
            headers={"Last-Event-ID": "-1"},
        )
    )
    assert [next(stream).event, next(stream).event] == ["metadata", "custom"]
    stream.close()
    until(lambda: status(sdk, run["run_id"]) != "running")
    assert status(sdk, run["run_id"]) == end


@pytest.mark.parametrize(
    ("on_disconnect", "seconds", "outcome"),
    [("cancel", 30, {"seconds": 30}), ("continue", 1, {"seconds": 1, "done": True})],
)
@pytest.mark.parametrize("kind", KINDS)
def test_a_wait_that_its_client_gives_up_is_cancelled_if_asked_to(
    server: LiveServer, kind: str, on_disconnect: Any, seconds: float, outcome: Any
) -> None:
    """The client's timeout closes the connection; the SDK then reads the outcome from `Location`."""
    with (
        client_of(kind, server.url, timeout=(5, 0.5, 5, 5)) as impatient,
        pytest.warns(UserWarning, match="attempting reconnect to Location"),
    ):
        found = impatient.runs.wait(None, "slow", input={"seconds": seconds}, on_disconnect=on_disconnect)
    assert found == outcome
