"""The server takes the threads that we send; it may refuse only those whose states were generated."""

from __future__ import annotations

import pytest

from tests.contract.document import Json
from tests.contract.inputs import graph_supersteps
from tests.contract.thread_positives import SHORTEST_LIFE, may_be_refused, sendable_thread

RECIPES = graph_supersteps()
GENERATED = [{"updates": [{"as_node": "", "values": {"a": 1}}]}]


@pytest.mark.parametrize("strategy", ["keep_latest", "delete"])
def test_lifetimes_are_long_enough_for_a_sequence(strategy: str) -> None:
    body: Json = {"ttl": {"strategy": strategy, "ttl": 0}}
    assert sendable_thread(body, RECIPES)["ttl"] == {"strategy": strategy, "ttl": 0}
    assert sendable_thread(body, RECIPES, sequence=True)["ttl"] == {"strategy": strategy, "ttl": SHORTEST_LIFE}
    assert body == {"ttl": {"strategy": strategy, "ttl": 0}}


def test_most_threads_of_a_sequence_have_states() -> None:
    sent = [sendable_thread({"metadata": {"n": n}}, RECIPES, sequence=True) for n in range(200)]
    made = [body for body in sent if "supersteps" in body]
    assert 100 < len(made) < 200 and not any(may_be_refused(body, RECIPES) for body in sent)
    assert {body["metadata"]["graph_id"] for body in made} == {"agent", "triage", "steered"}
    assert sendable_thread({}, RECIPES) == {}


def test_states_that_were_made_up_are_for_a_graph_and_a_node_that_exist() -> None:
    sent = [sendable_thread({"metadata": {"n": n}, "supersteps": GENERATED}, RECIPES) for n in range(200)]
    made_up = [body for body in sent if may_be_refused(body, RECIPES)]
    assert 60 < len(made_up) < 140
    assert all(body["supersteps"][0]["updates"][0]["as_node"] and body["metadata"]["graph_id"] for body in made_up)


@pytest.mark.parametrize("position", range(len(RECIPES)))
def test_no_thread_is_refused_without_states_of_its_own(position: int) -> None:
    _, supersteps = RECIPES[position]
    assert not may_be_refused({"supersteps": supersteps}, RECIPES)
    assert not may_be_refused({"supersteps": []}, RECIPES) and may_be_refused({"supersteps": GENERATED}, RECIPES)
