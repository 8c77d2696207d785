"""The server refuses by name the values that we take from valid data; the rest of the data is unchanged."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from tests.contract.inputs import ALIVE, ALIVE_SECONDS, STEERED
from tests.contract.positives import (
    ENOUGH_STEPS,
    EXTENSIONS,
    LONGEST_DELAY,
    SINKS,
    refused_for_one_reason,
    runnable,
    sendable,
    storable,
    without_refusals,
)

Json = dict[str, Any]
BODY: Json = {"assistant_id": "simple", "input": {"foo": "x"}}
INPUTS: dict[str, list[Json]] = {"simple": [{"foo": "x"}], STEERED: [{"seconds": 0}, {"then": "ask"}, {"then": "fail"}]}


def bodies(**modes: bool) -> list[Json]:
    """The sent forms of 200 requests with few fields."""
    return [sendable({"assistant_id": "simple", "metadata": {"n": n}}, INPUTS, **modes) for n in range(200)]


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_the_server_carries_out_what_clients_send_beside_the_contract(http: httpx.Client, extension: Json) -> None:
    answer = http.post("/runs/wait", json=BODY | extension)
    assert answer.status_code == 200 and "__error__" not in answer.json()
    assert "treadle-ignored" not in answer.headers
    assert without_refusals(BODY | extension) == BODY


@pytest.mark.parametrize(
    "contradiction",
    [{"command": {"resume": 1}}, {"context": {"a": 1, "b": 2}, "config": {"configurable": {"a": 2}}}],
)
def test_the_server_refuses_contradictions(http: httpx.Client, contradiction: Json) -> None:
    assert http.post("/runs/wait", json=BODY | contradiction).status_code == 400
    assert http.post("/runs/wait", json=without_refusals(BODY | contradiction)).status_code == 200


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1])
def test_the_store_refuses_integers_beyond_64_bits(http: httpx.Client, number: int) -> None:
    item = {"namespace": ["fuzzed"], "key": "k", "value": {"deep": [{"n": number}, 1, True, "x"]}}
    assert http.put("/store/items", json=item).status_code == 422
    assert http.put("/store/items", json=storable(item)).status_code == 204
    assert storable(item) == {**item, "value": {"deep": [{"n": 0}, 1, True, "x"]}}


def test_everything_else_stays() -> None:
    body: Json = {
        "assistant_id": "simple",
        "webhook": None,
        "feedback_keys": [],
        "command": {"update": {}, "resume": None, "goto": "n"},
        "config": {"configurable": {"a": 1}, "tags": []},
        "context": {"a": 1, "b": 2},
        "unknown": [1],
    }
    assert without_refusals(body) == body


def test_a_webhook_goes_nowhere() -> None:
    body: Json = {"assistant_id": "simple", "webhook": "https://example.com/hook"}
    sent = {sendable({**body, "metadata": {"n": n}}, INPUTS)["webhook"] for n in range(20)}
    assert sent == set(SINKS)
    assert "webhook" not in sendable({"assistant_id": "simple"}, INPUTS)


def test_the_delay_is_short_and_stays_a_delay() -> None:
    for given, sent in ((1e300, LONGEST_DELAY), (0.1, 0.1), (-5, -5), (None, None), ("x", "x")):
        assert sendable({"assistant_id": "simple", "after_seconds": given}, INPUTS)["after_seconds"] == sent


def test_most_requests_get_what_a_graph_needs_to_run() -> None:
    bare: Json = {"assistant_id": "simple", "command": None, "config": {"recursion_limit": -1}}
    unchanged = copy.deepcopy(bare)
    assert runnable(bare, INPUTS) == {**BODY, "config": {"recursion_limit": ENOUGH_STEPS}}
    assert bare == unchanged


def test_most_runs_get_an_input_and_half_of_them_an_extension() -> None:
    sent = bodies()
    assert 120 < sum("input" in body for body in sent) < 200
    assert all(any(extension.items() <= body.items() for body in sent) for extension in EXTENSIONS)
    sent = bodies(background=True)
    assert 10 < sum(body.get("after_seconds") == LONGEST_DELAY for body in sent) < 50
    assert 10 < sum(body.get("on_completion") == "keep" for body in sent) < 50


def test_in_a_sequence_most_runs_are_still_alive() -> None:
    sent = bodies(background=True, sequence=True)
    pending = [body for body in sent if body.get("after_seconds") == ALIVE_SECONDS]
    running = [body for body in sent if body.get("input") == ALIVE]
    assert len(pending) > 30 and len(running) > 50
    for alive in (pending, running):
        assert {body["on_completion"] for body in alive} == {"keep", "delete"}


def test_in_a_sequence_most_other_runs_leave_states() -> None:
    sent = [body for body in bodies(sequence=True) if body.get("on_completion") == "keep"]
    assert len(sent) > 100 and all("command" not in body for body in sent)
    assert {body["input"].get("then") for body in sent} == {None, "ask", "fail"}


def test_an_invalid_request_has_no_other_reason_to_be_refused() -> None:
    wrong: Json = {"on_completion": "?", "webhook": "http://0.com"}
    assert refused_for_one_reason(wrong) == {**wrong, "webhook": SINKS[-1]}
    assert refused_for_one_reason([wrong]) == [{**wrong, "webhook": SINKS[-1]}]
    for body in (None, b"x", {"webhook": 5}, {"webhook": "http://\0"}, {"webhook": "http://" + "x" * 70000}, [None]):
        assert refused_for_one_reason(body) == body
