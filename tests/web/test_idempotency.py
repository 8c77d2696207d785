"""`Idempotency-Key`: a request that comes again creates nothing, and is answered for the run that it created first."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.graphs.graphs_under_test import entered
from tests.live import DEADLINE, LiveServer, serving, sse, until
from tests.web.calls import accepted, detail, ended, run_id_of
from tests.web.creating import EVERY, PATHS, Creator

shows = pytest.mark.shows
KEY = shows(EVERY, "Idempotency-Key")
EACH = pytest.mark.parametrize("operation", EVERY.split())
GIVEN = {"assistant_id": "simple", "input": {"foo": 1}}


def new_key() -> str:
    """One that no test has used."""
    return str(uuid4())


def send(http: httpx.Client, operation: str, body: Any, key: str, **headers: str) -> httpx.Response:
    """The answer to a request with a key."""
    several = operation == "create_run_batch" and isinstance(body, dict)
    content = json.dumps([body] if several else body)
    return http.post(PATHS[operation], content=content, headers={"idempotency-key": key, **headers})


def created(response: httpx.Response) -> list[str]:
    """The ids of the runs that an answer is about."""
    accepted(response)
    if "content-location" in response.headers:
        return [run_id_of(response)]
    return [run["run_id"] for run in response.json()]


def refused(response: httpx.Response, status: int) -> str:
    """The text of a refusal, which has to name the header."""
    assert response.status_code == status, response.text
    said: str = response.json()["detail"]
    assert said.startswith("Idempotency-Key: ")
    return said


@pytest.fixture(scope="module")
def brief() -> Iterator[LiveServer]:
    """A server that keeps keys for a second, and forgets the events of ended runs at once."""
    with serving(idempotency_ttl=1.0, resumable_ttl=0.0) as live:
        yield live


@KEY
@EACH
def test_a_repeated_request_creates_nothing(http: httpx.Client, operation: str) -> None:
    key = new_key()
    first = send(http, operation, GIVEN, key)
    [run_id] = created(first)
    ended(http, run_id)
    again = send(http, operation, GIVEN, key)
    assert created(again) == [run_id]
    assert "idempotent-replayed" not in first.headers
    assert again.headers["idempotent-replayed"] == "true"
    for name in ("content-location", "location", "content-type"):
        assert again.headers.get(name) == first.headers.get(name)


@KEY
@EACH
def test_without_a_key_each_request_creates_a_run(http: httpx.Client, operation: str) -> None:
    creator = Creator(http, operation)
    assert creator.create("simple", {"foo": 1}) != creator.create("simple", {"foo": 1})
    assert "idempotent-replayed" not in creator.post("simple", {"foo": 1}).headers


def test_a_background_run_is_shown_as_it_is_now(http: httpx.Client) -> None:
    key = new_key()
    first = send(http, "create_run", GIVEN, key).json()
    assert first["status"] == "pending"
    run = ended(http, first["run_id"])
    assert send(http, "create_run", GIVEN, key).json() == {name: run[name] for name in first}
    assert run["status"] == "success"


def test_a_batch_has_one_key(http: httpx.Client) -> None:
    key, batch = new_key(), [{**GIVEN, "input": {"foo": number}} for number in range(5)]
    run_ids = created(send(http, "create_run_batch", batch, key))
    assert len(set(run_ids)) == 5
    assert created(send(http, "create_run_batch", batch, key)) == run_ids
    refused(send(http, "create_run_batch", batch[::-1], key), 409)


@KEY
@EACH
def test_spaces_and_the_order_of_fields_do_not_matter(http: httpx.Client, operation: str) -> None:
    bodies = [
        '{"assistant_id": "simple", "input": {"foo": 123456789012345678901234567890, "b": [1, 2]}}',
        ' {"input":{"b":[1,2],"foo":123456789012345678901234567890},\n"assistant_id":"simple"}',
    ]
    if operation == "create_run_batch":
        bodies = [f"[{body}]" for body in bodies]
    headers = {"idempotency-key": new_key()}
    replies = [http.post(PATHS[operation], content=body, headers=headers) for body in bodies]
    assert created(replies[0]) == created(replies[1])


@shows(EVERY, "409")
@EACH
@pytest.mark.parametrize("change", [{"input": {"foo": 2}}, {"input": {"foo": True}}, {"metadata": {"a": 1}}, {"x": 1}])
def test_another_body_is_refused(http: httpx.Client, operation: str, change: dict[str, Any]) -> None:
    key = new_key()
    [run_id] = created(send(http, operation, GIVEN, key))
    assert "another request" in refused(send(http, operation, {**GIVEN, **change}, key), 409)
    assert created(send(http, operation, GIVEN, key)) == [run_id]


@EACH
def test_another_operation_is_refused(http: httpx.Client, operation: str) -> None:
    for other in EVERY.split():
        if other != operation:
            key = new_key()
            created(send(http, operation, GIVEN, key))
            refused(send(http, other, GIVEN, key), 409)


@shows(EVERY, "422")
@EACH
@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "a\tb"])
def test_a_key_that_is_none_is_refused(http: httpx.Client, operation: str, key: str) -> None:
    content = json.dumps([GIVEN] if operation == "create_run_batch" else GIVEN)
    response = http.post(PATHS[operation], content=content, headers=[(b"idempotency-key", key.encode("latin-1"))])
    refused(response, 422)


@pytest.mark.parametrize("key", ["a", "x" * 255, '"8e03978e-40d5-43dd-bc93-6894a57f9324"', "order 17 %2F"])
def test_any_printable_key_will_do(http: httpx.Client, key: str) -> None:
    assert created(send(http, "create_run", GIVEN, key)) == created(send(http, "create_run", GIVEN, key))


@EACH
@pytest.mark.parametrize("bad", [{"assistant_id": 1}, {"assistant_id": "unknown"}, {"command": {"resume": 1}}])
def test_a_request_that_is_refused_takes_no_key(http: httpx.Client, operation: str, bad: dict[str, Any]) -> None:
    key = new_key()
    assert send(http, operation, {**GIVEN, **bad}, key).status_code in (400, 422)
    created(send(http, operation, GIVEN, key))


def test_a_wait_is_waited_for_again(http: httpx.Client) -> None:
    """While the run is under way, and when it has ended."""
    key, body, before = new_key(), {"assistant_id": "slow", "input": {"seconds": 0.3}}, entered["slow"]
    with http.stream("POST", "/runs/wait", json=body, headers={"idempotency-key": key}) as response:
        run_id = run_id_of(response)  # and then the line is cut
    assert detail(http, run_id)["status"] in ("pending", "running")
    for _ in range(2):
        again = send(http, "wait_run", body, key)
        assert created(again) == [run_id]
        assert again.json() == {"seconds": 0.3, "done": True}
    assert entered["slow"] == before + 1


def test_a_wait_of_a_run_that_failed_says_so_again(http: httpx.Client) -> None:
    key, body = new_key(), {"assistant_id": "failing", "input": {"foo": 1}}
    first, again = (send(http, "wait_run", body, key) for _ in range(2))
    assert created(first) == created(again)
    assert first.json() == again.json()
    assert "__error__" in again.json()


VOLUME = {"assistant_id": "pouring", "stream_mode": "custom", "input": {"count": 20, "size": 10, "pause": 0.02}}


def test_a_stream_is_read_again_from_its_first_event(http: httpx.Client) -> None:
    """While the run is under way, and when it has ended; with ids, so that nothing is missed or read twice."""
    key = new_key()
    with http.stream("POST", "/runs/stream", json=VOLUME, headers={"idempotency-key": key}) as response:
        run_id = run_id_of(response)
        next(part for part in response.iter_raw() if b"custom" in part)  # and then the line is cut
    for _ in range(2):
        again = send(http, "stream_run", VOLUME, key)
        assert created(again) == [run_id]
        events = sse(again.content)
        assert [event for event, _, _ in events] == ["metadata", *["custom"] * 20]
        assert [number for _, _, number in events] == [str(number) for number in range(1, 22)]


@shows("stream_run", "Last-Event-ID")
@pytest.mark.parametrize(
    ("last", "ids"), [("-1", range(1, 22)), ("0", range(1, 22)), ("15", range(16, 22)), ("21", [])]
)
def test_a_stream_goes_on_after_the_last_event_seen(http: httpx.Client, last: str, ids: Any) -> None:
    key = new_key()
    body = {**VOLUME, "input": {"count": 20, "size": 10, "pause": 0}}
    # A new run has no events to leave out.
    assert len(sse(accepted(send(http, "stream_run", body, key, **{"last-event-id": "7"})).content)) == 21
    again = accepted(send(http, "stream_run", body, key, **{"last-event-id": last}))
    assert [number for _, _, number in sse(again.content)] == [str(number) for number in ids]


@shows("stream_run", "409")
def test_a_stream_whose_events_have_gone_is_refused(brief: LiveServer) -> None:
    key, body = new_key(), {**GIVEN, "input": {"foo": 7}}
    with brief.client() as http:
        [run_id] = created(send(http, "stream_run", body, key))
        assert f"/runs/{run_id}" in refused(send(http, "stream_run", body, key), 409)
        assert detail(http, run_id)["values"]["foo"] == 7


@shows(EVERY, "409")
@EACH
def test_a_run_that_is_no_longer_kept_is_not_run_again(http: httpx.Client, operation: str) -> None:
    key = new_key()
    [run_id] = created(send(http, operation, GIVEN, key))
    ended(http, run_id)
    assert http.delete(f"/runs/{run_id}").status_code == 204
    assert run_id in refused(send(http, operation, GIVEN, key), 409)


@EACH
def test_a_run_that_had_to_make_room_is_not_run_again(operation: str) -> None:
    with serving(run_retention_bytes=0) as live, live.client() as http:
        key = new_key()
        [run_id] = created(send(http, operation, GIVEN, key))
        until(lambda: http.get(f"/runs/{run_id}").status_code == 404)
        assert "no longer kept" in refused(send(http, operation, GIVEN, key), 409)


@EACH
def test_a_key_whose_time_is_over_creates_a_new_run(brief: LiveServer, operation: str) -> None:
    with brief.client() as http:
        key, body, started = new_key(), {**GIVEN, "input": {"foo": 8}}, time.monotonic()
        [run_id] = created(send(http, operation, body, key))
        ended(http, run_id)

        def other() -> list[str]:
            reply = send(http, operation, body, key)
            return [] if reply.status_code == 409 or created(reply) == [run_id] else created(reply)

        assert until(other) != [run_id]
        assert time.monotonic() - started >= 1


def test_a_run_is_readable_as_long_as_its_key(http: httpx.Client) -> None:
    with (
        serving(run_ttl=0.0, idempotency_ttl=60.0) as live,
        live.client() as client,
    ):
        key = new_key()
        [run_id] = created(send(client, "wait_run", GIVEN, key))
        usual = run_id_of(accepted(client.post("/runs/wait", json=GIVEN)))
        assert client.get(f"/runs/{usual}").status_code == 404
        assert client.get(f"/runs/{run_id}").status_code == 200
        assert created(send(client, "wait_run", GIVEN, key)) == [run_id]


@pytest.mark.anyio
@pytest.mark.parametrize("slots", [1, 1000], ids=["queued", "at once"])
@EACH
async def test_of_many_at_the_same_instant_one_creates_the_run(operation: str, slots: int) -> None:
    """The run starts at once or waits for a slot; late requests give their slot back."""
    key, body = new_key(), {"assistant_id": "slow", "input": {"seconds": 0.2}}
    content = json.dumps([body] if operation == "create_run_batch" else body)
    with serving(concurrency=slots) as live:
        before = entered["slow"]
        async with httpx.AsyncClient(base_url=live.url, timeout=DEADLINE) as http:
            headers = {"idempotency-key": key}
            same = [http.post(PATHS[operation], content=content, headers=headers) for _ in range(100)]
            replies = await asyncio.gather(*same)
            assert {created(reply)[0] for reply in replies} == {created(replies[0])[0]}
            assert sum("idempotent-replayed" in reply.headers for reply in replies) == 99
            # All slots are free again.
            others = [http.post("/runs/wait", json={**body, "input": {"seconds": 0}}) for _ in range(3)]
            assert [reply.status_code for reply in await asyncio.gather(*others)] == [200] * 3
        assert entered["slow"] == before + 4


def test_a_run_cancelled_by_a_cut_connection_stays_cancelled(http: httpx.Client) -> None:
    """`on_disconnect: cancel` cancels a run with a key as well; by default the run goes on."""
    key, body, before = new_key(), {"assistant_id": "slow", "input": {"seconds": 60}}, entered["slow"]
    body["on_disconnect"] = "cancel"
    with http.stream("POST", "/runs/wait", json=body, headers={"idempotency-key": key}) as response:
        run_id = run_id_of(response)
        until(lambda: entered["slow"] > before)
    until(lambda: detail(http, run_id)["status"] == "interrupted")
    again = send(http, "wait_run", body, key)
    assert (created(again), again.json()) == ([run_id], {"seconds": 60})


@pytest.mark.parametrize("operation", ["runs", "runs/wait", "runs/stream"])
def test_two_keys_are_refused(http: httpx.Client, operation: str) -> None:
    headers = [("idempotency-key", "one"), ("idempotency-key", "two")]
    reply = http.post(f"/{operation}", json={"assistant_id": "simple", "input": {"foo": 1}}, headers=headers)
    assert (reply.status_code, "Idempotency-Key: " in reply.json()["detail"]) == (422, True)
