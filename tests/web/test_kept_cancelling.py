"""The thread of a kept run that a client ends: it is cancelled, rolled back, deleted, or its client leaves."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.graphs.graphs_under_test import cancelled, entered
from tests.live import LiveServer, until
from tests.web.calls import accepted, create, ended, run_id_of, until_status
from tests.web.keeping import history, kept, run_path, slow_run, state, stored, thread, thread_path

shows = pytest.mark.shows
BUSY = ["thread_id", "status", "metadata", "config", "created_at", "updated_at", "values", "state_updated_at"]
KEYS = [*BUSY, "error", "interrupts"]
SO_FAR = {"seconds": 60}
GRAPH = pytest.mark.parametrize("graph", ["slow", "nested_slow"])
DURABILITY = pytest.mark.parametrize("durability", ["sync", "async", "exit"])
Json = dict[str, Any]


def pending_run(http: httpx.Client) -> Json:
    """A kept run that is to start in a minute."""
    run: Json = create(http, "slow", {"seconds": 60}, on_completion="keep", after_seconds=60)
    return run


def of_thread(run: Json) -> tuple[str, Json]:
    """How a run is cancelled under its thread."""
    return f"{run_path(run)}/cancel", {}


def by_id(run: Json) -> tuple[str, Json]:
    """How a run is cancelled by its id."""
    return f"/runs/{run['run_id']}/cancel", {}


def among_many(run: Json) -> tuple[str, Json]:
    """How a run is cancelled among others."""
    return "/runs/cancel", {"thread_id": run["thread_id"], "run_ids": [run["run_id"]]}


WAYS = [
    (of_thread, "POST /threads/{thread_id}/runs/{run_id}/cancel"),
    (by_id, "POST /runs/{run_id}/cancel"),
    (among_many, "POST /runs/cancel"),
]


# Cancelled


@shows("cancel_thread_run", "202")
@GRAPH
@DURABILITY
def test_a_run_that_is_cancelled_at_work_leaves_its_state_so_far(
    http: httpx.Client, graph: str, durability: str
) -> None:
    run, before = slow_run(http, graph, durability=durability), cancelled["slow"]
    response = http.post(f"{run_path(run)}/cancel")
    assert (response.status_code, response.content) == (202, b"")
    assert ended(http, run["run_id"])["status"] == "interrupted"
    assert cancelled["slow"] - before == 1
    left = thread(http, run)
    assert list(left) == KEYS
    assert (left["status"], left["values"], left["interrupts"]) == ("interrupted", SO_FAR, {})
    assert accepted(http.get(run_path(run))).json()["status"] == "interrupted"
    assert accepted(http.get(f"{run_path(run)}/join")).json() == SO_FAR
    newest = state(http, run)
    assert (newest["values"], newest["next"]) == (SO_FAR, ["pause" if graph == "slow" else "child"])


@pytest.mark.parametrize(("way", "named"), WAYS)
def test_the_thread_says_who_cancelled_its_run(http: httpx.Client, way: Any, named: str) -> None:
    """The braces are literal (recorded)."""
    run = slow_run(http)
    path, body = way(run)
    assert http.post(path, json=body or None).status_code in (202, 204)
    until_status(http, run["run_id"], "interrupted")
    assert thread(http, run)["error"] == {"error": "UserInterrupt", "message": f"interrupt requested via {named}"}


@pytest.mark.parametrize(("way", "named"), WAYS)
def test_a_run_that_is_cancelled_before_it_starts_leaves_its_thread_idle(
    server: LiveServer, http: httpx.Client, way: Any, named: str
) -> None:
    run = pending_run(http)
    path, body = way(run)
    assert http.post(path, json=body or None).status_code in (202, 204)
    left = thread(http, run)
    assert list(left) == KEYS
    assert (left["status"], left["values"], left["error"], left["interrupts"]) == ("idle", None, None, {})
    assert accepted(http.get(run_path(run))).json()["status"] == "interrupted"
    assert (state(http, run)["checkpoint"], history(http, run)) == (None, [])
    assert stored(server, run) == 0


def test_an_interrupted_thread_stays_when_the_run_is_cancelled_too_late(http: httpx.Client) -> None:
    run = kept(http, "asking", {"foo": 1})
    before = thread(http, run)
    for action in ("interrupt", "rollback"):
        assert http.post(f"{run_path(run)}/cancel", params={"action": action}).status_code == 404
    assert thread(http, run) == before


# Rolled back


@shows("cancel_thread_run", "action=rollback")
@GRAPH
@DURABILITY
def test_a_run_that_is_rolled_back_leaves_nothing_but_the_reason(
    server: LiveServer, http: httpx.Client, graph: str, durability: str
) -> None:
    run = slow_run(http, graph, durability=durability)
    response = http.post(f"{run_path(run)}/cancel", params={"action": "rollback", "wait": "true"})
    assert (response.status_code, response.json()) == (200, {})
    assert http.get(run_path(run)).status_code == http.get(f"/runs/{run['run_id']}").status_code == 404
    left = thread(http, run)
    assert list(left) == [*BUSY, "error"]
    assert (left["status"], left["values"], left["error"]["error"]) == ("idle", None, "UserRollback")
    assert left["error"]["message"] == "rollback requested via POST /threads/{thread_id}/runs/{run_id}/cancel"
    assert (state(http, run)["values"], history(http, run)) == ({}, [])
    assert accepted(http.get(f"{thread_path(run)}/runs")).json() == []
    assert stored(server, run) == 0


def test_a_run_that_is_rolled_back_before_it_starts_leaves_its_thread_idle(
    server: LiveServer, http: httpx.Client
) -> None:
    run = pending_run(http)
    assert http.post(f"{run_path(run)}/cancel", params={"action": "rollback"}).status_code == 202
    assert http.get(run_path(run)).status_code == 404
    assert (thread(http, run)["status"], thread(http, run)["values"]) == ("idle", None)
    assert stored(server, run) == 0


# Deleted


@shows("delete_thread_run", "204")
@pytest.mark.parametrize("graph", ["simple", "asking"])
def test_the_thread_of_a_deleted_run_stays_as_it_was(http: httpx.Client, graph: str) -> None:
    run = kept(http, graph, {"foo": 1})
    before, newest = thread(http, run), state(http, run)
    assert http.delete(run_path(run)).status_code == 204
    assert http.get(run_path(run)).status_code == 404
    assert accepted(http.get(f"{thread_path(run)}/runs")).json() == []
    assert (thread(http, run), state(http, run)) == (before, newest)


def test_the_state_that_a_factorys_graph_left_is_read_without_its_run(http: httpx.Client) -> None:
    run = kept(http, "factory", {}, config={"configurable": {"label": "mine"}})
    assert http.delete(run_path(run)).status_code == 204
    assert state(http, run)["values"] == {"items": ["mine"]}
    assert len(history(http, run)) == 3


@shows("delete_thread_run", "204")
@pytest.mark.parametrize("path", [run_path, lambda run: f"/runs/{run['run_id']}"])
def test_a_run_that_is_deleted_at_work_leaves_nothing(server: LiveServer, http: httpx.Client, path: Any) -> None:
    run, before = slow_run(http), cancelled["slow"]
    assert http.delete(path(run)).status_code == 204
    assert http.get(run_path(run)).status_code == 404
    until(lambda: cancelled["slow"] > before)
    until(lambda: not stored(server, run))
    left = thread(http, run)
    assert (left["status"], left["values"]) == ("idle", None)
    assert left["error"] == {"error": "UserRollback", "message": "the run was deleted"}
    assert history(http, run) == []


@shows("delete_thread", "204")
@GRAPH
@pytest.mark.parametrize("on_completion", ["delete", "keep"])
def test_deleting_a_thread_cancels_its_run(
    server: LiveServer, http: httpx.Client, graph: str, on_completion: str
) -> None:
    run, before = slow_run(http, graph, on_completion=on_completion), cancelled["slow"]
    assert http.delete(thread_path(run)).status_code == 204
    for path in (thread_path(run), run_path(run), f"/runs/{run['run_id']}", f"{thread_path(run)}/runs"):
        assert http.get(path).status_code == 404
    assert until(lambda: cancelled["slow"] - before) == 1
    until(lambda: not stored(server, run))
    storage = server.services.storage
    assert server.on_its_loop(storage.runs.find(thread_id=run["thread_id"])) == []
    assert server.on_its_loop(storage.threads.get(run["thread_id"])) is None


def test_a_thread_whose_run_has_not_started_is_deleted_with_it(server: LiveServer, http: httpx.Client) -> None:
    run = pending_run(http)
    assert http.delete(thread_path(run)).status_code == 204
    assert http.get(f"/runs/{run['run_id']}").status_code == 404
    assert server.on_its_loop(server.services.storage.runs.find(thread_id=run["thread_id"])) == []


def test_whoever_follows_a_run_sees_a_clean_end_when_its_thread_is_deleted(http: httpx.Client) -> None:
    run = slow_run(http)
    with http.stream("GET", f"{run_path(run)}/stream") as follower, http.stream("GET", f"{run_path(run)}/join") as join:
        assert http.delete(thread_path(run)).status_code == 204
        assert b"error" not in follower.read()
        assert join.read() == b'{"seconds":60}'


# Left by its client


@shows("wait_run stream_run", "on_disconnect=cancel")
@pytest.mark.parametrize("path", ["/runs/wait", "/runs/stream"])
@GRAPH
def test_a_run_whose_client_has_left_leaves_its_state_so_far(http: httpx.Client, path: str, graph: str) -> None:
    starts = entered["slow"]
    body = {"assistant_id": graph, "input": SO_FAR, "on_disconnect": "cancel", "on_completion": "keep"}
    with http.stream("POST", path, json=body) as response:
        until(lambda: entered["slow"] > starts)
    run = until_status(http, run_id_of(response), "interrupted")
    left = thread(http, run)
    assert (left["status"], left["values"], left["interrupts"]) == ("interrupted", SO_FAR, {})
    message = "client disconnected from the run stream (on_disconnect=cancel)"
    assert left["error"] == {"error": "UserInterrupt", "message": message}
