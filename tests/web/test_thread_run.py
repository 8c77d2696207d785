"""A stateless run under the thread that the server made for it: where `/runs/wait` and SDKs look for it."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from tests.graphs.graphs_under_test import released
from tests.live import sse
from tests.web.calls import UNKNOWN, accepted, create, ended, until_status


def path_of(run: dict[str, str]) -> str:
    """The path of a run under its thread."""
    return f"/threads/{run['thread_id']}/runs/{run['run_id']}"


def test_the_location_of_a_wait_resolves_after_the_end(http: httpx.Client) -> None:
    response = http.post("/runs/wait", json={"assistant_id": "simple", "input": {"foo": 1}})
    assert accepted(http.get(response.headers["location"])).json() == response.json()


def test_a_join_names_itself_under_the_thread(http: httpx.Client) -> None:
    run = create(http, "simple", {"foo": 1})
    for part in ("join", "stream"):
        headers = accepted(http.get(f"{path_of(run)}/{part}")).headers
        assert headers["location"] == f"{path_of(run)}/{part}"
        assert headers["content-location"] == path_of(run)


@pytest.mark.shows("get_thread_run", "200")
def test_a_live_run_is_a_plain_run(http: httpx.Client) -> None:
    name = str(uuid4())
    created = create(http, "held", {"foo": name})
    until_status(http, created["run_id"], "running")
    run = accepted(http.get(path_of(created))).json()
    assert list(run) == list(created)
    assert run["status"] == "running"
    released.add(name)


@pytest.mark.shows("get_thread_run", "404")
@pytest.mark.shows("join_thread_run", "200")
@pytest.mark.shows("join_thread_run_stream", "Last-Event-ID 200")
def test_after_its_end_a_run_is_gone_with_its_thread_and_still_joined(http: httpx.Client) -> None:
    """`on_completion: delete`: 404 as on the official server, while join and stream answer from the kept outcome."""
    run = create(http, "simple", {"foo": 1}, stream_resumable=True)
    ended(http, run["run_id"])
    response = http.get(path_of(run))
    assert response.status_code == 404
    assert run["thread_id"] in response.json()["detail"]
    assert http.get(f"{path_of(run)}/join").json() == {"foo": 1, "items": ["a", "b"]}
    replay = http.get(f"{path_of(run)}/stream", headers={"last-event-id": "-1"})
    assert [event_id for _, _, event_id in sse(replay.content)] == ["1", "2", "3", "4"]


@pytest.mark.shows("create_run", "on_completion=keep")
@pytest.mark.shows("get_thread_run", "200")
def test_a_kept_run_stays(http: httpx.Client) -> None:
    run = create(http, "simple", {"foo": 1}, on_completion="keep")
    ended(http, run["run_id"])
    assert accepted(http.get(path_of(run))).json()["status"] == "success"


@pytest.mark.shows("get_thread_run join_thread_run join_thread_run_stream", "thread_id run_id 404 422")
@pytest.mark.parametrize("part", ["", "/join", "/stream"])
@pytest.mark.parametrize(("unknown", "status"), [(UNKNOWN, 404), ("bogus", 422)])
def test_a_run_is_found_under_its_own_thread_only(http: httpx.Client, part: str, unknown: str, status: int) -> None:
    run = create(http, "simple", {"foo": 1}, on_completion="keep")
    for path in (path_of(run | {"thread_id": unknown}), path_of(run | {"run_id": unknown})):
        response = http.get(path + part)
        assert response.status_code == status
        assert list(response.json()) == ["detail"]
