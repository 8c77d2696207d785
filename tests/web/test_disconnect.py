"""`on_disconnect` and `cancel_on_disconnect`: whether a run goes on when its client leaves."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.graphs.graphs_under_test import cancelled, entered
from tests.live import DEADLINE, until
from tests.web.calls import create, ended, run_id_of, until_status

CREATE = pytest.mark.parametrize("path", ["/runs/wait", "/runs/stream"])
JOIN = pytest.mark.parametrize("part", ["join", "stream"])


def leave_while_running(http: httpx.Client, path: str, body: dict[str, Any]) -> str:
    """Start a run of a slow graph, leave once its node is at work; the run's id."""
    before = entered["slow"]
    with http.stream("POST", path, json=body) as response:
        until(lambda: entered["slow"] > before)
    return run_id_of(response)


@pytest.mark.shows("wait_run stream_run", "on_disconnect=cancel")
@CREATE
@pytest.mark.parametrize("graph", ["slow", "nested_slow"])
def test_cancel_reaches_the_awaiting_node(http: httpx.Client, path: str, graph: str) -> None:
    before = cancelled["slow"]
    body = {"assistant_id": graph, "input": {"seconds": 60}, "on_disconnect": "cancel"}
    run = until_status(http, leave_while_running(http, path, body), "interrupted")
    assert until(lambda: cancelled["slow"] - before) == 1
    assert run["error"] == {
        "error": "UserInterrupt",
        "message": "client disconnected from the run stream (on_disconnect=cancel)",
    }
    assert run["values"] == {"seconds": 60}
    assert http.get(f"/runs/{run['run_id']}/join").json() == {"seconds": 60}


@pytest.mark.shows("wait_run stream_run", "on_disconnect=continue")
@CREATE
@pytest.mark.parametrize("fields", [{"on_disconnect": "continue"}, {}], ids=["continue", "default"])
def test_continue_lets_the_run_end(http: httpx.Client, path: str, fields: Any) -> None:
    before = cancelled["slow"]
    body = {"assistant_id": "slow", "input": {"seconds": 0.1}, **fields}
    run = ended(http, leave_while_running(http, path, body))
    assert (run["status"], run["values"]) == ("success", {"seconds": 0.1, "done": True})
    assert cancelled["slow"] == before


@CREATE
def test_cancel_ends_a_run_that_has_not_started(http: httpx.Client, path: str) -> None:
    body = {"assistant_id": "slow", "input": {}, "after_seconds": 3600, "on_disconnect": "cancel"}
    with http.stream("POST", path, json=body) as response:
        run_id = run_id_of(response)
    run = until_status(http, run_id, "interrupted")
    assert (run["attempts"], run["started_at"], run["values"]) == (0, None, None)
    assert http.get(f"/runs/{run_id}/join").json() == {}


@CREATE
def test_a_client_that_reads_to_the_end_cancels_nothing(http: httpx.Client, path: str) -> None:
    body = {"assistant_id": "simple", "input": {"foo": 1}, "on_disconnect": "cancel"}
    with httpx.Client(base_url=http.base_url, timeout=DEADLINE) as leaving:
        run_id = run_id_of(leaving.post(path, json=body))
    assert ended(http, run_id)["status"] == "success"


@pytest.mark.shows("join_run join_run_stream", "cancel_on_disconnect")
@JOIN
@pytest.mark.parametrize("spelling", ["true", "1", "yes", "True"])
def test_a_joined_run_is_cancelled_when_asked(http: httpx.Client, part: str, spelling: str) -> None:
    before, starts = cancelled["slow"], entered["slow"]
    run_id = create(http, "slow", {"seconds": 60})["run_id"]
    until(lambda: entered["slow"] > starts)
    with http.stream("GET", f"/runs/{run_id}/{part}", params={"cancel_on_disconnect": spelling}) as response:
        assert response.status_code == 200
    assert until_status(http, run_id, "interrupted")["error"]["error"] == "UserInterrupt"
    assert until(lambda: cancelled["slow"] - before) == 1


@pytest.mark.shows("join_run join_run_stream", "cancel_on_disconnect")
@JOIN
@pytest.mark.parametrize("query", ["?cancel_on_disconnect=false", "?cancel_on_disconnect=0", ""])
def test_a_joined_run_goes_on_otherwise(http: httpx.Client, part: str, query: str) -> None:
    run_id = create(http, "slow", {"seconds": 0.1})["run_id"]
    with http.stream("GET", f"/runs/{run_id}/{part}{query}") as response:
        assert response.status_code == 200
    assert ended(http, run_id)["status"] == "success"


@JOIN
def test_another_spelling_is_refused_by_name(http: httpx.Client, part: str) -> None:
    run_id = create(http, "simple")["run_id"]
    response = http.get(f"/runs/{run_id}/{part}?cancel_on_disconnect=maybe")
    assert response.status_code == 422
    assert "cancel_on_disconnect" in response.json()["detail"]


def test_others_who_follow_a_cancelled_run_see_a_clean_end(http: httpx.Client) -> None:
    """No `error` event and no marker (recorded)."""
    run_id = create(http, "slow", {"seconds": 60}, stream_mode=["values", "custom"])["run_id"]
    until_status(http, run_id, "running")
    with http.stream("GET", f"/runs/{run_id}/stream") as follower:
        with http.stream("GET", f"/runs/{run_id}/join?cancel_on_disconnect=1"):
            pass
        assert b"error" not in follower.read()
    assert until_status(http, run_id, "interrupted")
