"""`GET /runs/{run_id}` and `/join`: a run by its id alone, before, during and after it runs."""

from __future__ import annotations

import json
from datetime import datetime
from itertools import pairwise
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.graphs.graphs_under_test import released
from tests.live import serving, until
from tests.web.calls import accepted, create, detail, ended, run_id_of, until_status

RUN = [
    "run_id",
    "thread_id",
    "assistant_id",
    "metadata",
    "status",
    "kwargs",
    "multitask_strategy",
    "created_at",
    "updated_at",
    "langsmith_session_name",
]
OUTCOME = ["values", "error", "interrupts", "feedback"]
LATER = ["webhook_deliveries"]
TIMES = ["started_at", "ended_at", "expires_at", "queued_ms", "first_event_ms", "graph_ms", "attempts"]
PARTS = pytest.mark.parametrize("part", ["", "/join", "/stream"])


@pytest.mark.shows("get_run", "200")
def test_a_run_detail_has_the_runs_keys_then_the_outcome_then_the_times(http: httpx.Client) -> None:
    run = ended(http, create(http, "simple", {"foo": 1})["run_id"])
    assert [key for key in run if key not in LATER] == RUN + OUTCOME + TIMES


def test_a_pending_run_has_no_outcome_and_no_times(http: httpx.Client) -> None:
    created = create(http, "simple", {"foo": 1}, after_seconds=3600)
    run = detail(http, created["run_id"])
    assert {key: run[key] for key in RUN} == created
    assert {key: run[key] for key in OUTCOME} == {"values": None, "error": None, "interrupts": [], "feedback": []}
    assert {key: run[key] for key in TIMES} == {**dict.fromkeys(TIMES), "attempts": 0}


def test_a_running_run_has_started_and_shows_what_its_attempt_added(http: httpx.Client) -> None:
    name = str(uuid4())
    run = until_status(http, create(http, "held", {"foo": name})["run_id"], "running")
    assert (run["attempts"], run["ended_at"], run["values"], run["graph_ms"]) == (1, None, None, None)
    assert run["started_at"] is not None
    assert run["queued_ms"] >= 0
    released.add(name)
    assert ended(http, run["run_id"])["values"] == {"foo": name, "items": ["released"]}


def test_after_the_end_every_time_is_known(http: httpx.Client) -> None:
    run = ended(http, create(http, "slow", {"seconds": 0.1})["run_id"])
    moments = [datetime.fromisoformat(run[key]) for key in ("created_at", "started_at", "ended_at", "expires_at")]
    assert moments == sorted(moments)
    assert (moments[3] - moments[2]).total_seconds() == 600
    assert run["attempts"] == 1
    waited, lasted = ((later - earlier).total_seconds() * 1000 for earlier, later in pairwise(moments[:3]))
    assert 99 < run["graph_ms"] <= lasted + 1
    assert 0 <= run["first_event_ms"] < run["graph_ms"]
    assert run["queued_ms"] == pytest.approx(waited, abs=1)


def test_a_claimed_run_shows_its_attempt_in_its_config(http: httpx.Client) -> None:
    created = create(http, "simple", {"foo": 1})
    run = ended(http, created["run_id"])
    config, before = run["kwargs"]["config"], created["kwargs"]["config"]
    assert config["configurable"] == {**before["configurable"], "__pregel_node_finished": None}
    added = {key: config["metadata"][key] for key in config["metadata"] if key not in before["metadata"]}
    assert list(added) == [
        "run_attempt",
        "langgraph_version",
        "langgraph_api_version",
        "langgraph_plan",
        "langgraph_host",
        "langgraph_api_url",
    ]
    assert run["metadata"] == created["metadata"]


@pytest.mark.parametrize(
    ("graph", "given", "status", "outcome"),
    [
        ("simple", {"foo": 1}, "success", {"values": {"foo": 1, "items": ["a", "b"]}, "error": None}),
        ("functional", 2, "success", {"values": 4, "error": None}),
        ("failing", {"foo": "value"}, "error", {"error": {"error": "ValueError", "message": "boom"}}),
        ("asking", {"foo": 1}, "success", {"values": {"foo": 1, "items": ["a"]}, "error": None}),
    ],
)
def test_the_outcome_is_read_later(http: httpx.Client, graph: str, given: Any, status: str, outcome: Any) -> None:
    """An interrupt counts as success (recorded)."""
    run = ended(http, create(http, graph, given)["run_id"])
    assert run["status"] == status
    assert {key: run[key] for key in outcome} == outcome
    assert [item["value"] for item in run["interrupts"]] == ([{"question": "sure?"}] if graph == "asking" else [])


def test_values_are_kept_whatever_was_streamed(http: httpx.Client) -> None:
    run = ended(http, create(http, "simple", {"foo": 1}, stream_mode="custom")["run_id"])
    assert run["values"] == {"foo": 1, "items": ["a", "b"]}


# Join


@pytest.mark.shows("join_run", "200")
@pytest.mark.parametrize(
    ("graph", "given", "fields"),
    [
        ("simple", {"foo": 1}, {}),
        ("simple", {"foo": 1}, {"stream_mode": "updates"}),
        ("simple", {"foo": 1}, {"on_completion": "keep"}),
        ("failing", {"foo": "own"}, {}),
        ("asking_twice", {"foo": 1}, {}),
        ("functional", 2, {}),
    ],
)
def test_a_join_answers_as_a_wait_does(http: httpx.Client, graph: str, given: Any, fields: Any) -> None:
    body = {"assistant_id": graph, "input": given, **fields}
    waited = http.post("/runs/wait", json=body)
    assert http.get(f"/runs/{run_id_of(waited)}/join").text == waited.text
    background = create(http, graph, given, **fields)["run_id"]
    joined = http.get(f"/runs/{background}/join").json()
    assert _without_ids(joined) == _without_ids(waited.json())


def _without_ids(body: Any) -> Any:
    """An outcome without the ids of its interrupts, which differ from run to run."""
    if not isinstance(body, dict):
        return body
    return {**body, "__interrupt__": [item["value"] for item in body.get("__interrupt__", [])]}


def test_a_join_of_a_pending_and_of_a_running_run_waits(http: httpx.Client) -> None:
    pending = create(http, "simple", {"foo": 1}, after_seconds=0.15)["run_id"]
    assert http.get(f"/runs/{pending}/join").json() == {"foo": 1, "items": ["a", "b"]}
    name = str(uuid4())
    running = create(http, "held", {"foo": name})["run_id"]
    until_status(http, running, "running")
    with http.stream("GET", f"/runs/{running}/join") as response:
        released.add(name)
        assert json.loads(response.read()) == {"foo": name, "items": ["released"]}


def test_the_headers_of_a_join(http: httpx.Client) -> None:
    run_id = create(http, "simple", {"foo": 1})["run_id"]
    response = http.get(f"/runs/{run_id}/join")
    assert response.headers["content-type"] == "application/json"
    assert response.headers["transfer-encoding"] == "chunked"
    assert response.headers["content-location"] == f"/runs/{run_id}"
    assert response.headers["location"] == f"/runs/{run_id}/join"


# Which run


@pytest.mark.shows("get_run join_run join_run_stream", "404")
@PARTS
def test_an_unknown_run_is_a_404_by_name(http: httpx.Client, part: str) -> None:
    unknown = str(uuid4())
    response = http.get(f"/runs/{unknown}{part}")
    assert response.status_code == 404
    assert list(response.json()) == ["detail"]
    assert unknown in response.json()["detail"]


@pytest.mark.shows("get_run join_run join_run_stream", "422")
@PARTS
@pytest.mark.parametrize(
    "malformed", ["abc", "5", "%7B%7D", "0" * 31, "0" * 5000, "%00", "%ff"], ids=lambda text: text[:6]
)
def test_a_malformed_id_is_a_422_by_name(http: httpx.Client, part: str, malformed: str) -> None:
    response = http.get(f"/runs/{malformed}{part}")
    assert response.status_code == 422
    assert "run_id" in response.json()["detail"]


@pytest.mark.shows("get_run join_run join_run_stream", "run_id 200")
@PARTS
def test_an_id_in_another_spelling_is_the_same_run(http: httpx.Client, part: str) -> None:
    run_id = create(http, "simple", {"foo": 1})["run_id"]
    for spelling in (run_id.upper(), run_id.replace("-", "")):
        assert http.get(f"/runs/{spelling}{part}").status_code == 200


# Until when


def until_gone(http: httpx.Client, path: str) -> httpx.Response:
    """The 404 for a path that answered before."""
    return until(lambda: response if (response := http.get(path)).status_code == 404 else None)


def test_an_outcome_expires() -> None:
    with serving(run_ttl=2.0) as live, live.client() as http:
        run_id = create(http, "simple", {"foo": 1}, stream_resumable=True)["run_id"]
        assert ended(http, run_id)["status"] == "success"
        for part in ("", "/join", "/stream"):
            assert run_id in until_gone(http, f"/runs/{run_id}{part}").json()["detail"]


def test_a_run_never_expires_before_its_end() -> None:
    with serving(run_ttl=0) as live, live.client() as http:
        name = str(uuid4())
        run_id = create(http, "held", {"foo": name})["run_id"]
        until_status(http, run_id, "running")
        released.add(name)
        until_gone(http, f"/runs/{run_id}")


def test_beyond_the_retention_size_the_oldest_outcome_goes_first() -> None:
    with serving(run_retention_bytes=30_000) as live, live.client() as http:
        runs = [ended(http, create(http, "builder", {"foo": "x" * 10_000})["run_id"])["run_id"] for _ in range(4)]
        until_gone(http, f"/runs/{runs[0]}")
        accepted(http.get(f"/runs/{runs[-1]}"))
