"""The `webhook` field: every end of a run is posted, once it is taken, and the run's log says how that went."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from threading import Event
from typing import Any

import httpx
import pytest

from tests.live import DEADLINE, LiveServer, until
from tests.web.calls import accepted, create, detail, until_status
from tests.web.creating import EVERY, PATHS, Creator
from tests.web.hook_receiver import OLD_SECRET, HookReceiver, until_delivery
from tests.web.test_get_run import RUN
from treadle import __version__

TIMES = ["run_started_at", "run_ended_at", "webhook_sent_at"]


@pytest.fixture
def http(hooked: LiveServer) -> Iterator[httpx.Client]:
    with hooked.client() as client:
        yield client


@pytest.fixture(params=PATHS)
def runs(request: pytest.FixtureRequest, http: httpx.Client) -> Creator:
    return Creator(http, request.param)


@pytest.mark.shows(EVERY, "webhook")
def test_the_receiver_gets_the_run_and_its_outcome(runs: Creator, receiver: HookReceiver) -> None:
    run_id = runs.create("simple", {"foo": 1}, webhook=f"{receiver.url}/hook?a=b")
    received = receiver.first(run_id)
    until_delivery(runs.http, run_id, "delivered")
    run = detail(runs.http, run_id)
    assert received.path == "/hook?a=b"
    assert list(received.body) == [*RUN, *TIMES, "values"]
    assert {key: received.body[key] for key in RUN} == {key: run[key] for key in RUN}
    assert received.body["values"] == {"foo": 1, "items": ["a", "b"]} and received.body["status"] == "success"
    assert received.body["kwargs"]["webhook"] == f"{receiver.url}/hook?a=b"
    moments = [datetime.fromisoformat(received.body[key]) for key in TIMES]
    assert moments == sorted(moments)
    assert [run["started_at"], run["ended_at"]] == [received.body[key] for key in TIMES[:2]]


def test_a_delivery_is_signed_and_says_who_it_is(http: httpx.Client, receiver: HookReceiver) -> None:
    received = receiver.first(create(http, "echo", {"foo": "žluť 🧵"}, webhook=receiver.url)["run_id"])
    headers = received.headers
    assert received.verified() == received.verified(OLD_SECRET) == received.body
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < DEADLINE
    assert headers["content-type"] == "application/json"
    assert headers["user-agent"] == f"treadle/{__version__}"
    assert headers["host"] == f"127.0.0.1:{receiver.port}"
    assert headers["x-fixed"] == "fixed"


def test_the_log_of_deliveries_is_read_with_the_run(http: httpx.Client, receiver: HookReceiver) -> None:
    run_id = create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"]
    delivery = until_delivery(http, run_id, "delivered")
    assert list(delivery) == ["id", "url", "status", "attempts", "next_attempt_at"]
    assert (delivery["id"], delivery["url"], delivery["next_attempt_at"]) == (
        receiver.first(run_id).id,
        receiver.url,
        None,
    )
    [attempt] = delivery["attempts"]
    assert list(attempt) == ["at", "status_code", "error", "duration_ms"]
    assert (attempt["status_code"], attempt["error"]) == (200, None) and attempt["duration_ms"] > 0
    run = detail(http, run_id)
    assert datetime.fromisoformat(run["expires_at"]) > datetime.fromisoformat(run["ended_at"])


def test_without_a_webhook_there_is_no_delivery(http: httpx.Client) -> None:
    run_id = create(http, "simple", {"foo": 1})["run_id"]
    assert until_status(http, run_id, "success")["webhook_deliveries"] == []


# Every way to end

ENDS: dict[str, tuple[str, Any, str, Any, Any]] = {
    "interrupt": ("asking", {"foo": 1}, "success", {"foo": 1, "items": ["a"]}, None),
    "error": (
        "failing",
        {"foo": "value"},
        "error",
        {"foo": "value", "items": []},
        {"error": "ValueError", "message": "boom"},
    ),
    "masked error": ("failing", {"foo": "own"}, "error", {"foo": "own", "items": []}, {"error": "OwnError"}),
    "timeout": ("slow", {"seconds": 60}, "timeout", {"seconds": 60}, {"error": "TimeoutError"}),
}


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("on_completion", ["delete", "keep"])
def test_every_end_is_sent(http: httpx.Client, receiver: HookReceiver, end: str, on_completion: str) -> None:
    graph, given, status, values, error = ENDS[end]
    run = create(http, graph, given, webhook=receiver.url, on_completion=on_completion)
    body = receiver.first(run["run_id"]).body
    assert (body["status"], body["values"]) == (status, values)
    assert ("error" in body) == (error is not None)
    assert error is None or error.items() <= body["error"].items()


def end_by(http: httpx.Client, run_id: str, how: str) -> None:
    if how == "delete":
        assert http.delete(f"/runs/{run_id}").status_code == 204
    else:
        assert http.post(f"/runs/{run_id}/cancel", params={"action": how}).status_code == 202


@pytest.mark.parametrize("how", ["interrupt", "rollback", "delete"])
@pytest.mark.parametrize("pending", [False, True])
@pytest.mark.parametrize("on_completion", ["delete", "keep"])
def test_whoever_ends_a_run_it_is_sent_once(
    http: httpx.Client, receiver: HookReceiver, how: str, pending: bool, on_completion: str
) -> None:
    fields = {"after_seconds": 60} if pending else {}
    run = create(http, "slow", {"seconds": 60}, webhook=receiver.url, on_completion=on_completion, **fields)
    run_id = run["run_id"]
    until_status(http, run_id, "pending" if pending else "running")
    end_by(http, run_id, how)
    body = receiver.first(run_id).body
    assert (body["status"], body["error"]["error"]) == ("interrupted", "UserInterrupt")
    assert list(body) == [*RUN, *TIMES, "values", "error"]
    assert (body["run_started_at"] is None) == pending
    # The delivery of a second run comes after any further delivery of the first one.
    receiver.first(create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"])
    assert len(receiver.of(run_id)) == 1


def test_a_run_that_is_deleted_after_its_end_is_sent_all_the_same(http: httpx.Client, receiver: HookReceiver) -> None:
    ready = Event()
    receiver.answer = lambda received: (200 if ready.is_set() else 503, {})
    run_id = create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"]
    until_delivery(http, run_id, "pending")
    assert http.delete(f"/runs/{run_id}").status_code == 204
    ready.set()
    before = len(receiver.of(run_id))
    again = until(lambda: receiver.of(run_id)[before:])[0]
    assert again.id == receiver.first(run_id).id
    assert http.get(f"/runs/{run_id}").status_code == 404


# URLs of this server itself


def test_a_relative_url_is_served_inside(http: httpx.Client) -> None:
    run_id = create(http, "simple", {"foo": 1}, webhook="/ok")["run_id"]
    delivery = until_delivery(http, run_id, "pending")
    assert delivery["attempts"][0]["status_code"] == 405, "a webhook is a POST"


def test_a_relative_url_can_start_another_run(http: httpx.Client) -> None:
    first = create(http, "simple", {"foo": 1}, webhook="/runs", metadata={"chain": "link"})
    [attempt] = until_delivery(http, first["run_id"], "delivered")["attempts"]
    assert attempt["status_code"] == 200


def test_a_batch_sends_each_of_its_runs(http: httpx.Client, receiver: HookReceiver) -> None:
    item = {"assistant_id": "simple", "input": {"foo": 1}, "webhook": receiver.url}
    created = accepted(http.post("/runs/batch", json=[item] * 20)).json()
    received = [receiver.first(run["run_id"]) for run in created]
    assert len({each.id for each in received}) == 20
