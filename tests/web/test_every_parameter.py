"""Every path, query and body parameter of the operations on runs and assistants, by id and under the thread."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.graphs.graphs_under_test import cancelled, entered
from tests.live import serving, sse, until
from tests.web.calls import accepted, create, ended, names, until_status

pytestmark = pytest.mark.edge

shows = pytest.mark.shows
HELLO = {"messages": [{"role": "user", "content": "hi"}]}
MESSAGES = ["messages/metadata", "messages/partial", "messages/complete"]
Run = dict[str, Any]


def by_id(run: Run) -> str:
    """A run's own path."""
    return f"/runs/{run['run_id']}"


def of_thread(run: Run) -> str:
    """A run's path under its thread."""
    return f"/threads/{run['thread_id']}/runs/{run['run_id']}"


# Joined streams


@pytest.mark.parametrize("path", [by_id, of_thread])
@pytest.mark.parametrize(
    ("mode", "graph", "expected"),
    [
        pytest.param(
            mode, graph, expected, marks=shows("join_run_stream join_thread_run_stream", f"stream_mode={mode}")
        )
        for mode, graph, expected in [
            *[(mode, "builder", [mode]) for mode in ("values", "updates", "tasks", "checkpoints", "debug", "custom")],
            ("events", "builder", ["events"]),
            ("messages", "chat", MESSAGES),
            ("messages-tuple", "chat", ["messages"]),
        ]
    ],
)
def test_one_mode_is_picked_from_a_joined_stream(
    http: httpx.Client, path: Any, mode: str, graph: str, expected: list[str]
) -> None:
    other = "custom" if mode == "values" else "values"
    given = HELLO if graph == "chat" else {"foo": 1}
    fields: Any = {"stream_mode": [mode, other], "stream_resumable": True, "on_completion": "keep"}
    run = create(http, graph, given, **fields)
    ended(http, run["run_id"])
    replay = {"last-event-id": "-1"}
    everything = sse(accepted(http.get(f"{path(run)}/stream", headers=replay)).content)
    picked = sse(accepted(http.get(f"{path(run)}/stream", headers=replay, params={"stream_mode": mode})).content)
    assert picked == [event for event in everything if event[0] in expected]
    assert {name for name, _, _ in picked} == set(expected)
    assert {other} < set(names(everything))


@shows("join_thread_run_stream", "stream_mode")
@pytest.mark.parametrize("query", ["stream_mode=updates&stream_mode=custom", 'stream_mode=["updates","custom"]'])
def test_several_modes_are_picked_under_the_thread_too(http: httpx.Client, query: str) -> None:
    modes = ["values", "updates", "custom"]
    run = create(http, "builder", {"foo": 1}, stream_mode=modes, stream_resumable=True)
    ended(http, run["run_id"])
    response = http.get(f"{of_thread(run)}/stream?{query}", headers={"last-event-id": "-1"})
    assert [name for name, _, _ in sse(accepted(response).content)] == ["custom", "updates"]


@shows("join_thread_run_stream", "Last-Event-ID")
@pytest.mark.parametrize(("last", "ids"), [("0", ["1", "2", "3", "4"]), ("2", ["3", "4"]), ("4", [])])
def test_a_joined_stream_goes_on_after_an_event(http: httpx.Client, last: str, ids: list[str]) -> None:
    run = create(http, "simple", {"foo": 1}, stream_resumable=True)
    ended(http, run["run_id"])
    response = accepted(http.get(f"{of_thread(run)}/stream", headers={"last-event-id": last}))
    assert [event_id for _, _, event_id in sse(response.content)] == ids


@shows("join_thread_run join_thread_run_stream", "cancel_on_disconnect")
@pytest.mark.parametrize("part", ["join", "stream"])
@pytest.mark.parametrize("asked", ["true", "false"])
def test_a_run_joined_under_its_thread_is_cancelled_when_asked(http: httpx.Client, part: str, asked: str) -> None:
    before, starts = cancelled["slow"], entered["slow"]
    run = create(http, "slow", {"seconds": 60 if asked == "true" else 0.1})
    until(lambda: entered["slow"] > starts)
    with http.stream("GET", f"{of_thread(run)}/{part}", params={"cancel_on_disconnect": asked}) as response:
        assert response.status_code == 200
    if asked == "true":
        assert until_status(http, run["run_id"], "interrupted")["error"]["error"] == "UserInterrupt"
        assert until(lambda: cancelled["slow"] - before) == 1
    else:
        assert ended(http, run["run_id"])["status"] == "success"


# The runs of a thread

STATUSES = ["pending", "running", "error", "success", "timeout", "interrupted"]
SELECT = [
    "run_id",
    "thread_id",
    "assistant_id",
    "created_at",
    "updated_at",
    "status",
    "metadata",
    "kwargs",
    "multitask_strategy",
    "langsmith_session_name",
]


@pytest.fixture(scope="module")
def impatient() -> Iterator[httpx.Client]:
    """A client of a server of its own: a run may take two seconds, and bulk cancels reach no other test's runs."""
    with serving(run_timeout=2.0) as live, live.client() as client:
        yield client


def kept(http: httpx.Client, status: str) -> Run:
    """A run of a kept thread that has this status."""
    graph, given, fields = {
        "pending": ("slow", {"seconds": 0}, {"after_seconds": 60}),
        "running": ("slow", {"seconds": 60}, {}),
        "error": ("failing", {"foo": "value"}, {}),
        "success": ("simple", {"foo": 1}, {}),
        "timeout": ("slow", {"seconds": 60}, {}),
        "interrupted": ("slow", {"seconds": 60}, {}),
    }[status]
    run: Run = create(http, graph, given, on_completion="keep", **fields)
    if status == "interrupted":
        http.post(f"{by_id(run)}/cancel", params={"wait": 1})
    until_status(http, run["run_id"], status)
    return run


@pytest.mark.parametrize(
    "status", [pytest.param(status, marks=shows("list_thread_runs", f"status={status}")) for status in STATUSES]
)
def test_the_runs_of_a_thread_are_listed_by_status(impatient: httpx.Client, status: str) -> None:
    run = kept(impatient, status)
    path = f"/threads/{run['thread_id']}/runs"
    found = {
        asked: [each["run_id"] for each in accepted(impatient.get(path, params={"status": asked})).json()]
        for asked in STATUSES
    }
    assert found == {asked: [run["run_id"]] if asked == status else [] for asked in STATUSES}


@pytest.mark.parametrize("key", [pytest.param(key, marks=shows("list_thread_runs", f"select={key}")) for key in SELECT])
def test_a_listed_run_is_cut_to_a_key(http: httpx.Client, key: str) -> None:
    run = create(http, "simple", {"foo": 1}, on_completion="keep", metadata={"mine": 1})
    ended(http, run["run_id"])
    path = f"/threads/{run['thread_id']}/runs"
    [whole] = accepted(http.get(path)).json()
    assert accepted(http.get(path, params={"select": key})).json() == [{key: whole[key]}]


# Cancelling


@pytest.mark.parametrize("path", [by_id, of_thread])
@pytest.mark.parametrize(
    ("action", "status"),
    [
        pytest.param("interrupt", 200, marks=shows("cancel_run cancel_thread_run", "action=interrupt")),
        pytest.param("rollback", 404, marks=shows("cancel_run cancel_thread_run", "action=rollback")),
    ],
)
def test_a_cancelled_run_stays_or_goes(http: httpx.Client, path: Any, action: str, status: int) -> None:
    run = create(http, "slow", {"seconds": 60})
    assert http.post(f"{path(run)}/cancel", params={"action": action, "wait": "true"}).status_code == 200
    response = http.get(by_id(run))
    assert response.status_code == status
    assert status == 404 or response.json()["status"] == "interrupted"


@pytest.mark.parametrize(
    ("action", "status"),
    [
        pytest.param("interrupt", 200, marks=shows("cancel_runs", "action=interrupt")),
        pytest.param("rollback", 404, marks=shows("cancel_runs", "action=rollback")),
    ],
)
@pytest.mark.parametrize("by_status", [True, False])
def test_many_cancelled_runs_stay_or_go(impatient: httpx.Client, by_status: bool, action: str, status: int) -> None:
    run = create(impatient, "slow", {"seconds": 0}, after_seconds=60)
    choice: Run = {"thread_id": run["thread_id"], "run_ids": [run["run_id"]]}
    body = {"status": "pending"} if by_status else choice
    assert impatient.post("/runs/cancel", params={"action": action}, json=body).status_code == 204
    response = impatient.get(by_id(run))
    assert response.status_code == status
    assert status == 404 or response.json()["status"] == "interrupted"
