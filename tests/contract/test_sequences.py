"""The planned sequences: each source alone, a create and then an operation on its live run, and unmet demands."""

from __future__ import annotations

import httpx
import pytest

from tests.contract.adaptations import adaptations, under_test
from tests.contract.document import Json, creates, sources
from tests.contract.gate import Unmet
from tests.contract.inputs import graph_inputs
from tests.contract.sequences import missing, plans, reading


@pytest.fixture
def tested(http: httpx.Client) -> Json:
    """The document under test."""
    return under_test(http.get("/openapi.json").json(), adaptations(graph_inputs()))[0]


def test_each_source_is_tried_alone(tested: Json) -> None:
    assert set(sources(tested)) == {*creates(tested), "POST /threads", "POST /assistants"}
    alone = {plan.name: plan for plan in plans(tested) if plan.name.startswith("from")}
    assert len(alone) == 6 and all(plan.options.count("--exclude-name") == 5 for plan in alone.values())
    assert alone["from POST /runs"].examples > alone["from POST /runs/stream"].examples


def test_what_needs_a_live_run_comes_right_after_it(tested: Json) -> None:
    after_create = [plan.options[-1] for plan in plans(tested) if plan.name.startswith("POST /runs, then")]
    assert {"POST /runs/{run_id}/cancel", "POST /threads/{thread_id}/runs/{run_id}/cancel"} == set(after_create)


def test_what_was_missed_is_tried_and_nothing_else(tested: Json) -> None:
    (plan,) = missing(tested, Unmet([("POST /runs", "getRun")], [], []))
    assert plan.options[2:] == ("--include-name", "POST /runs", "--include-name", "GET /runs/{run_id}")
    found = missing(tested, Unmet([], [("GET /threads/{thread_id}/state/{checkpoint_id}", "200")], []))
    checkpoint = (
        "POST /runs/wait",
        "GET /threads/{thread_id}/history",
        "GET /threads/{thread_id}/state/{checkpoint_id}",
    )
    assert [plan.options[3::2] for plan in found] == [checkpoint]
    assert missing(tested, Unmet([], [], ["busy thread"])) == reading()
    assert not missing(tested, Unmet([], [], [])) and not missing(tested, Unmet([], [("GET /ok", "422")], []))
