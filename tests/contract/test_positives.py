"""What is taken from valid data is refused by the server, by name; what is left of it is as it was."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest

from tests.contract.positives import ENOUGH_STEPS, LONGEST_DELAY, REFUSED_FIELDS, runnable, sendable, without_refusals

Json = dict[str, Any]
VALUES: Json = {
    "webhook": "https://example.com/hook",
    "feedback_keys": ["quality"],
    "checkpoint": {"thread_id": "x"},
    "checkpoint_id": "01a1fcc4-be40-7503-a98b-f479b877e3b9",
    "langsmith_tracer": {"project_name": "x"},
}
BODY = {"assistant_id": "simple", "input": {"foo": "x"}}
INPUTS: dict[str, Json] = {"simple": {"foo": "x"}}


@pytest.mark.parametrize("field", REFUSED_FIELDS)
def test_the_server_refuses_what_valid_data_leaves_out(http: httpx.Client, field: str) -> None:
    body = {**BODY, field: VALUES[field]}
    answer = http.post("/runs/wait", json=body)
    assert answer.status_code == 422 and field in answer.json()["detail"], "carried out by now: fuzz it"
    assert http.post("/runs/wait", json=without_refusals(body)).status_code == 200


@pytest.mark.parametrize(
    "contradiction",
    [{"command": {"resume": 1}}, {"context": {"a": 1, "b": 2}, "config": {"configurable": {"a": 2}}}],
)
def test_the_server_refuses_contradictions(http: httpx.Client, contradiction: Json) -> None:
    assert http.post("/runs/wait", json=BODY | contradiction).status_code == 400
    assert http.post("/runs/wait", json=without_refusals(BODY | contradiction)).status_code == 200


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


def test_the_delay_is_short_and_stays_a_delay() -> None:
    for given, sent in ((1e300, LONGEST_DELAY), (0.1, 0.1), (-5, -5), (None, None), ("x", "x")):
        assert sendable({"assistant_id": "simple", "after_seconds": given}, INPUTS)["after_seconds"] == sent


def test_most_requests_get_what_a_graph_needs_to_run() -> None:
    bare: Json = {"assistant_id": "simple", "command": None, "config": {"recursion_limit": -1}}
    unchanged = copy.deepcopy(bare)
    assert runnable(bare, INPUTS) == {**BODY, "config": {"recursion_limit": ENOUGH_STEPS}}
    assert bare == unchanged
    sent = [sendable({"assistant_id": "simple", "metadata": {"n": n}}, INPUTS) for n in range(100)]
    assert 50 < sum("input" in body for body in sent) < 100
    sent = [sendable({"assistant_id": "simple", "metadata": {"n": n}}, INPUTS, background=True) for n in range(100)]
    assert all(("input" in body) != ("after_seconds" in body) for body in sent)
    assert 10 < sum(body.get("on_completion") == "keep" for body in sent) < 50
