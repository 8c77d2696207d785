"""Receivers of webhooks that fail, hang, redirect, die or are gone, and the log of the attempts."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from threading import Event
from typing import Any

import httpx
import pytest

from tests.live import DEADLINE, LiveServer, serving, until
from tests.web.calls import create, detail, until_status
from tests.web.hook_receiver import HOOKED, HookReceiver, receiving, until_delivery

pytestmark = pytest.mark.edge


@pytest.fixture
def http(hooked: LiveServer) -> Iterator[httpx.Client]:
    with hooked.client() as client:
        yield client


def test_a_failing_receiver_is_asked_again_until_it_recovers(http: httpx.Client, receiver: HookReceiver) -> None:
    """All attempts have one id, and each has a signature of its own; the log shows the waiting delivery."""
    ready = Event()
    receiver.answer = lambda received: (200, {}) if ready.is_set() else (500, {})
    run_id = create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"]
    failed = until_delivery(http, run_id, "pending", attempts=2)
    assert [attempt["status_code"] for attempt in failed["attempts"]][:2] == [500, 500]
    run = detail(http, run_id)
    assert (run["status"], run["expires_at"]) == ("success", None)
    ready.set()
    delivered = until_delivery(http, run_id, "delivered")
    received = receiver.of(run_id)
    assert len(received) == len(delivered["attempts"]) >= 3
    assert {each.id for each in received} == {delivered["id"]}
    assert [each.verified()["values"] for each in received] == [received[0].body["values"]] * len(received)
    sent = [each.body["webhook_sent_at"] for each in received]
    assert sent == [attempt["at"] for attempt in delivered["attempts"]] and len(set(sent)) == len(sent)


def test_the_next_attempt_is_told_and_kept_to(http: httpx.Client, receiver: HookReceiver) -> None:
    receiver.answer = lambda received: (503, {"retry-after": "1"}) if len(receiver.received) == 1 else (204, {})
    run_id = create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"]
    waiting = until_delivery(http, run_id, "pending")
    due = datetime.fromisoformat(waiting["next_attempt_at"]).timestamp()
    until_delivery(http, run_id, "delivered")
    first, second = receiver.of(run_id)
    assert first.at + 0.9 < due <= second.at


def test_a_redirect_is_not_followed(http: httpx.Client, receiver: HookReceiver) -> None:
    with receiving() as elsewhere:
        receiver.answer = lambda received: (307, {"location": f"{elsewhere.url}/secret"})
        run_id = create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"]
        delivery = until_delivery(http, run_id, "pending", attempts=2)
        assert {attempt["status_code"] for attempt in delivery["attempts"]} == {307}
        assert elsewhere.received == []


def test_a_receiver_that_hangs_holds_up_nobody(http: httpx.Client, receiver: HookReceiver) -> None:
    woken = Event()

    def answer(received: Any) -> tuple[int, Any]:
        if received.path == "/hang":
            woken.wait(DEADLINE)
        return 200, {}

    receiver.answer = answer
    hanging = create(http, "simple", {"foo": 1}, webhook=f"{receiver.url}/hang")["run_id"]
    prompt = create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"]
    until_delivery(http, prompt, "delivered")
    [attempt, *_] = until_delivery(http, hanging, "pending")["attempts"]
    assert attempt["error"] == "no answer within 3 seconds" and attempt["status_code"] is None
    woken.set()
    until_delivery(http, hanging, "delivered", attempts=2)


def test_a_receiver_that_dies_and_comes_back(http: httpx.Client) -> None:
    with receiving() as receiver:
        port = receiver.port
    run_id = create(http, "simple", {"foo": 1}, webhook=f"http://127.0.0.1:{port}/")["run_id"]
    waiting = until_delivery(http, run_id, "pending")
    assert "ConnectError" in waiting["attempts"][0]["error"]
    with receiving(port) as receiver:
        assert receiver.first(run_id).verified()["status"] == "success"
        until_delivery(http, run_id, "delivered")


def test_a_receiver_that_is_gone_is_not_asked_again(http: httpx.Client, receiver: HookReceiver) -> None:
    receiver.answer = lambda received: (410, {})
    run_id = create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"]
    delivery = until_delivery(http, run_id, "failed")
    assert len(delivery["attempts"]) == 1 and delivery["next_attempt_at"] is None
    assert detail(http, run_id)["expires_at"] is not None


def test_too_many_attempts_are_given_up() -> None:
    with (
        receiving() as receiver,
        serving(HOOKED, webhook_attempts=2) as live,
        live.client() as http,
    ):
        receiver.answer = lambda received: (500, {})
        run_id = create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"]
        assert len(until_delivery(http, run_id, "failed")["attempts"]) == 2
        assert "webhook-signature" not in receiver.first(run_id).headers


def test_a_run_whose_webhook_is_owed_outlives_its_retention() -> None:
    ready = Event()
    with (
        receiving() as receiver,
        serving(HOOKED, run_ttl=0) as live,
        live.client() as http,
    ):
        receiver.answer = lambda received: (200, {}) if ready.is_set() else (500, {})
        run_id = create(http, "simple", {"foo": 1}, webhook=receiver.url)["run_id"]
        until_delivery(http, run_id, "pending", attempts=2)
        ready.set()
        until(lambda: http.get(f"/runs/{run_id}").status_code == 404)


def test_what_ends_with_the_server_is_still_sent() -> None:
    with receiving() as receiver:
        with serving(HOOKED, database_uri="memory://", shutdown_grace=0.1) as live:
            slow = {"assistant_id": "slow", "input": {"seconds": 60}, "webhook": receiver.url}
            run_id = httpx.post(f"{live.url}/runs", json=slow, timeout=DEADLINE).json()["run_id"]
            with live.client() as http:
                until_status(http, run_id, "running")
        assert receiver.first(run_id).body["status"] == "interrupted"
