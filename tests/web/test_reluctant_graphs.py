"""Threads of graphs that take their time to be cancelled, or that cannot be made without the config of their run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.graphs.reluctant import entered
from tests.live import GRAPHS, LiveServer, serving, until
from tests.web.calls import create, detail
from tests.web.keeping import history, kept, new_thread, run_path, state, stored, superstep, thread, thread_path, update

Json = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server of these graphs."""
    with serving(GRAPHS.with_name("reluctant.json")) as live:
        yield live


def lingering(http: httpx.Client) -> Json:
    """A kept run at work, which ends a while after it is told to."""
    count = len(entered)
    run: Json = create(http, "lingering", {"foo": 1}, on_completion="keep")
    until(lambda: len(entered) > count)
    return run


def until_over(server: LiveServer) -> None:
    """Wait until no run is under way any more, not even one that clients see as ended."""
    until(lambda: server.services.runs._worker.busy == 0)


def test_a_run_that_is_cancelled_and_then_deleted_leaves_its_thread_idle(
    server: LiveServer, http: httpx.Client
) -> None:
    run = lingering(http)
    assert http.post(f"{run_path(run)}/cancel").status_code == 202
    assert http.delete(run_path(run)).status_code == 204
    until_over(server)
    until(lambda: not stored(server, run))
    assert thread(http, run)["status"] == "idle"


def test_a_run_that_is_being_cancelled_is_rolled_back_if_the_answer_says_so(
    server: LiveServer, http: httpx.Client
) -> None:
    run = lingering(http)
    assert http.post(f"{run_path(run)}/cancel").status_code == 202
    response = http.post(f"{run_path(run)}/cancel", params={"action": "rollback"})
    until_over(server)
    found = http.get(run_path(run)).status_code
    assert (response.status_code, found) in [(202, 404), (404, 200)]
    error = thread(http, run)["error"]
    assert error["error"] == ("UserRollback" if found == 404 else "UserInterrupt")
    assert error["message"].startswith("rollback" if found == 404 else "interrupt")


def test_a_run_that_is_cancelled_twice_is_told_who_came_first(server: LiveServer, http: httpx.Client) -> None:
    run = lingering(http)
    assert http.post(f"{run_path(run)}/cancel").status_code == 202
    assert http.post(f"/runs/{run['run_id']}/cancel").status_code == 404
    until_over(server)
    left = thread(http, run)
    assert (left["status"], left["values"]) == ("interrupted", {"foo": 1})
    assert left["error"]["message"] == "interrupt requested via POST /threads/{thread_id}/runs/{run_id}/cancel"


def test_a_thread_that_is_deleted_at_work_and_created_anew_keeps_its_new_state(
    server: LiveServer, http: httpx.Client
) -> None:
    """The run of the deleted thread is still ending: it must not delete the new thread's checkpoints."""
    run = lingering(http)
    assert http.delete(thread_path(run)).status_code == 204
    steps = [superstep(update("linger", {"foo": "new"}))]
    made = new_thread(http, thread_id=run["thread_id"], metadata={"graph_id": "lingering"}, supersteps=steps)
    assert state(http, made)["values"] == made["values"] == {"foo": "new"}
    until_over(server)
    assert thread(http, made) == made
    assert [each["values"] for each in history(http, made)] == [{"foo": "new"}]


def test_the_id_of_a_thread_is_not_free_while_its_deleted_run_goes_on(
    server: LiveServer, http: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("treadle.threads.lifecycle.LINGERING", 0.05)
    run = lingering(http)
    assert http.delete(thread_path(run)).status_code == 204
    for if_exists in ("raise", "do_nothing"):
        response = http.post("/threads", json={"thread_id": run["thread_id"], "if_exists": if_exists})
        assert response.status_code == 409
        assert "has yet to end" in response.json()["detail"]
    until_over(server)
    made = new_thread(http, thread_id=run["thread_id"])
    assert (state(http, made)["values"], history(http, made), stored(server, made)) == ({}, [], 0)


def test_a_thread_whose_graph_could_not_be_made_has_no_state(http: httpx.Client) -> None:
    run = kept(http, "choosy", {"foo": 1})
    left = thread(http, run)
    assert (left["status"], left["error"]) == ("error", {"error": "KeyError", "message": "'word'"})
    assert state(http, run)["values"] == {}
    assert history(http, run) == []


def test_a_state_is_read_by_the_graph_that_wrote_it_when_its_run_is_deleted(http: httpx.Client) -> None:
    run = kept(http, "choosy", {"foo": 1}, config={"configurable": {"word": "please"}})
    newest, states = state(http, run), history(http, run)
    assert (newest["values"], len(states)) == ({"foo": "please"}, 3)
    assert http.delete(run_path(run)).status_code == 204
    assert state(http, run) == newest
    assert history(http, run) == states


@pytest.fixture(scope="module")
def impatient() -> Iterator[httpx.Client]:
    """A client of a server of these graphs, where a run may take two seconds."""
    graphs = GRAPHS.with_name("reluctant.json")
    with serving(graphs, run_timeout=2.0) as live, live.client() as client:
        yield client


@pytest.mark.parametrize(("work", "ends"), [(0, ("success", "idle")), (60, ("timeout", "error"))])
@pytest.mark.parametrize("reading", [2.8, 60])
def test_how_a_run_ends_does_not_depend_on_how_long_its_state_takes_to_read(
    impatient: httpx.Client, monkeypatch: pytest.MonkeyPatch, work: int, ends: tuple[str, str], reading: float
) -> None:
    monkeypatch.setattr("treadle.execution.attempt.LOOK_BACK", 4.8)
    values = {"foo": {"work": work, "reading": reading}}
    run = create(impatient, "pondering", values, on_completion="keep")
    until(lambda: detail(impatient, run["run_id"])["ended_at"])
    left = thread(impatient, run)
    assert (detail(impatient, run["run_id"])["status"], left["status"], left["values"]) == (*ends, values)
