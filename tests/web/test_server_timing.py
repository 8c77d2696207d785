"""The header `Server-Timing` of JSON answers: how long each part of the work took."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from time import perf_counter
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.graphs.graphs_under_test import released
from tests.live import serving
from tests.web.calls import UNKNOWN, Json, accepted, create, detail, ended
from tests.web.keeping import kept, new_thread, run_path, slow_run, thread_path

pytestmark = pytest.mark.edge

TOKEN = r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
METRIC = re.compile(rf"(?P<name>{TOKEN});dur=(?P<duration>{TOKEN})")
"""One metric, in the syntax of RFC 9110's tokens and lists and the W3C's Server Timing; a description is not sent."""
REQUEST = ["read", "handle"]
RUN: Json = {"assistant_id": "simple", "input": {"foo": 1}}


def timings(response: httpx.Response) -> dict[str, float]:
    """The metrics of an answer, in milliseconds. Fails if the header is not well formed."""
    [header] = response.headers.get_list("server-timing")
    found = [METRIC.fullmatch(part) for part in header.split(", ")]
    metrics = {match["name"]: float(match["duration"]) for match in found if match}
    assert len(metrics) == len(found), header
    assert all(0 <= duration < 1e15 for duration in metrics.values()), header
    return metrics


def test_answers_say_how_long_reading_and_handling_took(http: httpx.Client) -> None:
    run = kept(http, "simple", {"foo": 1})
    answers = [
        http.post("/runs", json=RUN),
        http.post("/runs/batch", json=[RUN, RUN]),
        http.post("/threads", json={}),
        http.post("/assistants/search", json={}),
        http.post(f"{thread_path(run)}/history", json={}),
        *[http.get(thread_path(run) + part) for part in ("", "/state", "/history", "/runs")],
        *[http.get(f"/assistants/{run['assistant_id']}"), http.get("/ok"), http.get("/info")],
    ]
    for answer in answers:
        assert list(timings(accepted(answer))) == REQUEST, answer.url


def test_no_part_took_longer_than_the_client_waited(http: httpx.Client) -> None:
    started = perf_counter()
    metrics = timings(http.post("/runs", json={**RUN, "input": {"foo": "x" * 5_000_000}}))
    waited = (perf_counter() - started) * 1000
    assert 0 < metrics["read"] + metrics["handle"] <= waited
    assert metrics["read"] > 1


PATHS = pytest.mark.parametrize("path", [lambda run: f"/runs/{run['run_id']}", run_path])


@PATHS
def test_the_answer_about_a_run_says_how_long_its_phases_took(http: httpx.Client, path: Any) -> None:
    run = kept(http, "slow", {"seconds": 0.05})
    detail = ended(http, run["run_id"])
    metrics = timings(accepted(http.get(path(run))))
    assert list(metrics) == ["queued", "first_event", "graph", *REQUEST]
    for phase in ("queued", "first_event", "graph"):
        assert metrics[phase] == pytest.approx(detail[f"{phase}_ms"], rel=1e-5)
    assert metrics["graph"] >= 50
    assert metrics["first_event"] <= metrics["graph"]


@PATHS
def test_a_phase_is_named_once_it_is_known(http: httpx.Client, path: Any) -> None:
    pending = create(http, "slow", {"seconds": 0}, after_seconds=60)
    assert list(timings(http.get(path(pending)))) == REQUEST
    assert http.delete(f"/runs/{pending['run_id']}").status_code == 204
    running = slow_run(http)
    assert list(timings(http.get(path(running)))) == ["queued", *REQUEST]
    assert http.post(f"{run_path(running)}/cancel", params={"wait": 1}).status_code == 200
    assert list(timings(http.get(path(running)))) == ["queued", "first_event", "graph", *REQUEST]
    assert http.delete(thread_path(running)).status_code == 204


def test_a_run_without_events_has_no_time_of_the_first(http: httpx.Client) -> None:
    run = kept(http, "failing", {"foo": "value"}, stream_mode="custom")
    assert list(timings(http.get(run_path(run)))) == ["queued", "graph", *REQUEST]


@pytest.fixture
def one_at_a_time() -> Iterator[httpx.Client]:
    """A client of a server that runs one graph at a time."""
    with serving(concurrency=1) as live, live.client() as client:
        yield client


def test_the_time_in_the_queue_is_that_from_due_to_started(one_at_a_time: httpx.Client) -> None:
    http = one_at_a_time
    name = str(uuid4())
    create(http, "held", {"foo": name})
    run = create(http, "simple", {"foo": 1})
    assert detail(http, run["run_id"])["status"] == "pending"
    released.add(name)
    waiting = ended(http, run["run_id"])
    due, started = (datetime.fromisoformat(waiting[key]) for key in ("created_at", "started_at"))
    queued = timings(http.get(f"/runs/{waiting['run_id']}"))["queued"]
    assert queued == pytest.approx((started - due).total_seconds() * 1000, abs=0.01)
    assert queued > 0


@pytest.mark.parametrize("path", ["/runs/wait", "/runs/stream"])
def test_an_answer_that_lasts_as_long_as_its_run_has_no_timing(http: httpx.Client, path: str) -> None:
    assert "server-timing" not in accepted(http.post(path, json=RUN)).headers


@pytest.mark.parametrize("part", ["join", "stream"])
def test_a_run_that_is_joined_has_no_timing(http: httpx.Client, part: str) -> None:
    run = kept(http, "simple", {"foo": 1})
    for path in (f"/runs/{run['run_id']}", run_path(run)):
        assert "server-timing" not in accepted(http.get(f"{path}/{part}")).headers


def test_an_answer_without_content_has_no_timing(http: httpx.Client) -> None:
    response = http.delete(thread_path(new_thread(http)))
    assert (response.status_code, "server-timing" in response.headers) == (204, False)


@pytest.mark.parametrize("path", ["/runs/x", f"/runs/{UNKNOWN}", "/nope"])
def test_a_refusal_is_well_formed_with_timing_or_without(http: httpx.Client, path: str) -> None:
    response = http.get(path)
    assert response.status_code in (404, 422)
    assert "server-timing" not in response.headers or set(timings(response)) <= set(REQUEST)


def test_browsers_may_read_it(http: httpx.Client) -> None:
    response = http.get("/ok", headers={"origin": "https://app.example"})
    assert "server-timing" in response.headers["access-control-expose-headers"].split(", ")
    assert list(timings(response)) == REQUEST
