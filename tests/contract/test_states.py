"""Our checks of threads and their states accept the server's answers, and find planted bugs."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from tests.contract import planted_threads as planted
from tests.contract import states
from tests.contract.asked import asked_for
from tests.contract.exchange import Bug, Exchange
from tests.contract.states import Asked

Json = dict[str, Any]
RUN = {"assistant_id": "nested_asking", "input": {"items": []}, "on_completion": "keep"}


@pytest.fixture
def thread(http: httpx.Client) -> str:
    """The path of a thread with states."""
    location = http.post("/runs/wait", json=RUN).headers["content-location"]
    return location.partition("/runs/")[0]


def judge(sent: Exchange) -> None:
    """Judge as checks.states_are_as_asked and checks.timing_can_be_read do."""
    states.verify_timing(sent.headers.get(b"server-timing", b"a;dur=1").decode())
    asked = asked_for(sent.method, f"http://x{sent.path}?{sent.query.decode()}", {})
    found = json.loads(sent.body)
    if asked is None:
        states.verify_busy(found)
    elif isinstance(found, list):
        states.verify_history(found, asked)
    else:
        states.verify_state(found, asked)


def exchange(http: httpx.Client, path: str) -> Exchange:
    """The server's answer to a GET."""
    path, _, query = path.partition("?")
    response = http.get(f"{path}?{query}")
    assert response.status_code == 200
    headers = {name.lower(): value for name, value in response.headers.raw}
    return Exchange("GET", path, response.status_code, headers, response.content, query.encode())


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/state",
        "/state?subgraphs=true",
        "/state?select=values.items&select=next",
        "/state?select=[]",
        '/state?select=["values","next"]',
        "/history",
        "/history?limit=1",
        "/history?before=zzz",
    ],
)
def test_what_the_server_sends_is_accepted(http: httpx.Client, thread: str, path: str) -> None:
    judge(exchange(http, thread + path))


@pytest.mark.parametrize(
    ("bug", "path"),
    [
        (planted.state_without_next, "/state"),
        (planted.state_of_another, "/state"),
        (planted.select_ignored, "/state?select=metadata"),
        (planted.limit_ignored, "/history"),
        (planted.oldest_first, "/history"),
        (planted.before_included, "/history?before=1z"),
        (planted.timing_without_names, ""),
    ],
)
def test_a_planted_bug_is_seen(http: httpx.Client, thread: str, bug: Bug, path: str) -> None:
    sent = exchange(http, thread + path)
    judge(sent)
    spoiled = bug(sent)
    assert spoiled != sent
    with pytest.raises(AssertionError):
        judge(spoiled)


STATE: Json = dict.fromkeys(states.KEYS) | {
    "checkpoint_id": "2",
    "checkpoint": {"thread_id": "t", "checkpoint_id": "2"},
}


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ({"more": 1}, Asked("t")),
        ({}, Asked("other")),
        ({}, Asked("t", checkpoint_id="1")),
        ({}, Asked("t", namespace="inner:1")),
        ({"checkpoint_id": "3"}, Asked("t")),
        ({}, Asked("t", select=["next"])),
    ],
)
def test_a_state_that_was_not_asked_for_is_seen(change: Json, asked: Asked) -> None:
    states.verify_state(STATE, Asked("t", checkpoint_id="2"))
    with pytest.raises(AssertionError):
        states.verify_state(STATE | change, asked)


@pytest.mark.parametrize(
    "asked",
    [Asked("t", limit=0), Asked("t", before="2"), Asked("t", metadata={"step": 1})],
)
def test_a_history_that_was_not_asked_for_is_seen(asked: Asked) -> None:
    state = STATE | {"metadata": {"step": 0}}
    states.verify_history([state], Asked("t", limit=1, before="3", metadata={"step": 0, "absent": None}))
    with pytest.raises(AssertionError):
        states.verify_history([state], asked)


ID = "01a1fcc4-be40-7503-a98b-f479b877e3b9"


@pytest.mark.parametrize(
    ("sent", "thread"),
    [
        ({"thread_id": ID}, {"thread_id": "00000000-0000-4000-8000-000000000000", "metadata": {}}),
        ({"metadata": {"a": 1}}, {"metadata": {}}),
        ({"ttl": {"ttl": 5}}, {"metadata": {}}),
        ({"ttl": {"ttl": 5}}, {"metadata": {}, "ttl": {"ttl_minutes": 6}}),
    ],
)
def test_a_thread_that_was_not_asked_for_is_seen(sent: Json, thread: Json) -> None:
    with pytest.raises(AssertionError):
        states.verify_thread(thread, sent)


def test_a_thread_that_was_asked_for_is_accepted() -> None:
    states.verify_thread({"thread_id": ID, "metadata": {}}, {"thread_id": ID.upper()})
    states.verify_thread({"metadata": {"a\ufffd": ["\ufffd"]}}, {"metadata": {"a\0": ["\0"]}})
    states.verify_thread({"metadata": {}, "ttl": {"ttl_minutes": 5.0}}, {"ttl": {"ttl": 5}})
    states.verify_thread({"thread_id": ID, "metadata": {"old": 1}}, {"thread_id": ID, "if_exists": "do_nothing"})
    assert states.lasts({}) and states.lasts({"ttl": {}}) and not states.lasts({"ttl": {"ttl": 0}})


@pytest.mark.parametrize(
    "thread", [{"status": "busy", "error": None}, {"status": "busy", "interrupts": {}}, {"status": "idle"}]
)
def test_what_a_busy_thread_cannot_know_is_seen(thread: Json) -> None:
    states.verify_busy({"status": "busy"})
    states.verify_busy({"status": "idle", "error": None})
    with pytest.raises(AssertionError):
        states.verify_busy(thread)


def test_what_was_asked_for_is_read_from_the_request() -> None:
    query = "limit=2&limit=3&before=&before=b"
    assert asked_for("GET", f"http://x/threads/t/history?{query}", {}) == Asked("t", limit=3, before="b")
    assert asked_for("GET", "http://x/threads/t/history", {}) == Asked("t", limit=10)
    body = {
        "checkpoint": {"checkpoint_ns": "n", "checkpoint_id": "c"},
        "before": {"checkpoint_id": "b"},
        "select": ["next"],
    }
    asked = Asked("t", "c", "n", limit=1, before="b", select=["next"])
    assert asked_for("POST", "http://x/threads/t/history", body) == asked
    assert asked_for("POST", "http://x/threads/t/state/checkpoint", body) == Asked("t", "c", "n", select=["next"])
    assert asked_for("GET", "http://x/threads/t/state/c?select=next,tasks", {}) == Asked(
        "t", "c", select=["next", "tasks"]
    )
    assert asked_for("GET", "http://x/threads/t", {}) is None


@pytest.mark.parametrize("header", ["", "a", "a;dur=", "a;dur=-1", "a;dur=1,b;dur=2", "a;dur=nan"])
def test_timings_that_cannot_be_read_are_seen(header: str) -> None:
    states.verify_timing("read;dur=0.021, first_event;dur=1e-05, handle;dur=12")
    states.verify_timing(None)
    with pytest.raises(AssertionError):
        states.verify_timing(header)
