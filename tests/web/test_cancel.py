"""Cancelling and deleting runs: one by its id or under its thread, many by ids or by status."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.live import serving, until
from tests.web.calls import create, ended

Run = dict[str, Any]


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    """A server of its own: bulk cancels reach every run."""
    with serving() as live, live.client() as client:
        yield client


def running(http: httpx.Client, **fields: Any) -> Run:
    run: Run = create(http, "slow", {"seconds": 30}, **fields)
    until(lambda: http.get(f"/runs/{run['run_id']}").json()["status"] == "running")
    return run


def pending(http: httpx.Client, **fields: Any) -> Run:
    run: Run = create(http, "slow", {"seconds": 0}, after_seconds=60, **fields)
    return run


def of_thread(run: Run) -> str:
    return f"/threads/{run['thread_id']}/runs/{run['run_id']}"


PATHS = [lambda run: f"/runs/{run['run_id']}", of_thread]


@pytest.mark.shows("cancel_run cancel_thread_run", "run_id 202")
@pytest.mark.shows("cancel_thread_run", "thread_id")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("make", [running, pending])
def test_a_cancelled_run_is_interrupted(http: httpx.Client, path: Any, make: Any) -> None:
    run = make(http)
    response = http.post(f"{path(run)}/cancel")
    assert (response.status_code, response.content) == (202, b"")
    detail = ended(http, run["run_id"])
    assert detail["status"] == "interrupted"
    assert detail["error"]["error"] == "UserInterrupt"
    assert detail["error"]["message"].startswith("interrupt requested via POST ")


@pytest.mark.shows("cancel_run cancel_thread_run", "action=rollback 200")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("make", [running, pending])
def test_a_rolled_back_run_is_not_found(http: httpx.Client, path: Any, make: Any) -> None:
    run = make(http)
    response = http.post(f"{path(run)}/cancel", params={"action": "rollback", "wait": "true"})
    assert (response.status_code, response.json()) == (200, {})
    assert http.get(f"/runs/{run['run_id']}").status_code == 404
    assert http.get(of_thread(run)).status_code == 404


@pytest.mark.shows("cancel_run cancel_thread_run", "wait 200")
@pytest.mark.parametrize("path", PATHS)
def test_cancel_can_wait_for_the_end(http: httpx.Client, path: Any) -> None:
    run = running(http)
    response = http.post(f"{path(run)}/cancel", params={"wait": 1})
    assert (response.status_code, response.json()) == (200, {})
    assert response.headers["content-location"] == path(run)
    assert http.get(f"/runs/{run['run_id']}").json()["status"] == "interrupted"


@pytest.mark.shows("cancel_run cancel_thread_run", "404")
@pytest.mark.parametrize("path", PATHS)
def test_an_ended_run_cannot_be_cancelled(http: httpx.Client, path: Any) -> None:
    run = running(http)
    assert http.post(f"{path(run)}/cancel", params={"wait": 1}).status_code == 200
    assert http.post(f"{path(run)}/cancel").status_code == 404


@pytest.mark.shows("cancel_run", "422")
def test_an_unknown_action_is_refused_by_name(http: httpx.Client) -> None:
    response = http.post(f"/runs/{uuid4()}/cancel", params={"action": "bogus"})
    assert response.status_code == 422
    assert response.json()["detail"].startswith("action: ")


@pytest.mark.shows("cancel_runs", "thread_id run_ids 204 404")
def test_runs_are_cancelled_by_their_ids(http: httpx.Client) -> None:
    run = running(http)
    body = {"thread_id": run["thread_id"], "run_ids": [run["run_id"], str(uuid4())]}
    assert http.post("/runs/cancel", json=body).status_code == 204
    assert ended(http, run["run_id"])["status"] == "interrupted"
    assert http.post("/runs/cancel", json=body).status_code == 404


@pytest.mark.shows("cancel_runs", "status=pending,running,all 204")
@pytest.mark.parametrize(("status", "left"), [("pending", "running"), ("running", "pending"), ("all", None)])
def test_runs_are_cancelled_by_status(http: httpx.Client, status: str, left: str | None) -> None:
    runs = {"pending": pending(http), "running": running(http)}
    assert http.post("/runs/cancel", json={"status": status}).status_code == 204
    for name, run in runs.items():
        if name == left:
            assert http.get(f"/runs/{run['run_id']}").json()["status"] == name
        else:
            assert ended(http, run["run_id"])["status"] == "interrupted"


@pytest.mark.shows("cancel_runs", "422")
@pytest.mark.parametrize(
    "body",
    [
        {},
        {"thread_id": str(uuid4())},
        {"status": "all", "thread_id": str(uuid4())},
        {"status": "all", "thread_id": str(uuid4()), "run_ids": []},
        {"status": "bogus"},
        {"thread_id": "x", "run_ids": [str(uuid4())]},
        {"thread_id": str(uuid4()), "run_ids": ["x"]},
    ],
)
def test_a_choice_of_runs_that_is_none_is_refused(http: httpx.Client, body: Any) -> None:
    assert http.post("/runs/cancel", json=body).status_code == 422


@pytest.mark.shows("delete_run delete_thread_run", "run_id 204 404")
@pytest.mark.shows("delete_thread_run", "thread_id")
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("make", [running, pending])
def test_a_deleted_run_is_gone_at_once(http: httpx.Client, path: Any, make: Any) -> None:
    run = make(http)
    response = http.delete(path(run))
    assert (response.status_code, response.content) == (204, b"")
    until(lambda: http.get(f"/runs/{run['run_id']}").status_code == 404)
    assert http.delete(path(run)).status_code == 404


def test_an_ended_run_is_deleted_by_its_id(http: httpx.Client) -> None:
    run = create(http, "simple", {"foo": 1})
    ended(http, run["run_id"])
    assert http.delete(of_thread(run)).status_code == 404
    assert http.delete(f"/runs/{run['run_id']}").status_code == 204
    assert http.get(f"/runs/{run['run_id']}").status_code == 404


@pytest.mark.shows("list_thread_runs", "thread_id limit offset select 200 404")
def test_the_runs_of_a_thread_are_listed(http: httpx.Client) -> None:
    run = pending(http)
    path = f"/threads/{run['thread_id']}/runs"
    assert [each["run_id"] for each in http.get(path).json()] == [run["run_id"]]
    assert http.get(path, params={"status": "running"}).json() == []
    assert http.get(path, params={"offset": 1}).json() == []
    assert http.get(path, params={"limit": 0}).json() == []
    for select in ({"select": ["run_id", "status"]}, {"select": '["run_id","status"]'}, {"select": "run_id,status"}):
        assert http.get(path, params=select).json() == [{"run_id": run["run_id"], "status": "pending"}]
    http.post(f"{of_thread(run)}/cancel")
    assert http.get(path).status_code == 404


@pytest.mark.shows("list_thread_runs", "422")
@pytest.mark.parametrize("query", [{"status": "bogus"}, {"limit": -1}, {"offset": "x"}, {"select": "bogus"}])
def test_a_wrong_page_is_refused(http: httpx.Client, query: Any) -> None:
    assert http.get(f"/threads/{uuid4()}/runs", params=query).status_code == 422
