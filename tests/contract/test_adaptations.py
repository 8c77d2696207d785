"""The document under test equals the served one, except for adaptations with a reason."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import httpx
import jsonschema_rs
import pytest

from tests.contract.adaptations import StaleAdaptation, adaptations, under_test
from tests.contract.document import assistant_id, creates, operations, run_requests, stream_modes
from tests.contract.inputs import graph_inputs, write_config

Json = dict[str, Any]


@pytest.fixture
def served(http: httpx.Client) -> Json:
    """The document as the server sends it."""
    document: Json = http.get("/openapi.json").json()
    return document


def test_the_adapted_document_has_the_same_operations(served: Json) -> None:
    before = copy.deepcopy(served)
    tested, _ = under_test(served, adaptations(graph_inputs()))
    assert served == before
    assert operations(tested).keys() == operations(served).keys()
    assert tested["openapi"] == "3.2.0" and "x-itemSchema" not in str(tested)
    assert {"POST /runs", "POST /runs/wait", "POST /runs/stream"} <= set(creates(tested))
    assert {"values", "events", "messages-tuple"} <= set(stream_modes(tested))


def test_requests_name_graphs_that_are_served_and_answers_name_any(served: Json) -> None:
    tested, _ = under_test(served, adaptations(graph_inputs()))
    (request,) = run_requests(tested)
    graphs = request["properties"]["assistant_id"]["enum"]
    assert graphs[:3] == ["triage", "agent", "steered"]
    assert graphs[3:] == [assistant_id("triage"), "fe096781-5601-53d2-b2f6-0d3403f7e9ca", assistant_id("steered")]
    assert tested["components"]["schemas"]["Run"] == served["components"]["schemas"]["Run"]


def test_suggested_inputs_and_examples_are_valid_by_the_served_document(served: Json) -> None:
    tested, _ = under_test(served, adaptations(graph_inputs()))
    for label in creates(tested):
        content = operations(tested)[label]["requestBody"]["content"]["application/json"]
        schema = operations(served)[label]["requestBody"]["content"]["application/json"]["schema"]
        judge = jsonschema_rs.validator_for({**schema, "components": served["components"]})
        assert content["examples"]
        for example in content["examples"].values():
            judge.validate(example["value"])


def test_nul_keys_are_declared(served: Json) -> None:
    tested, _ = under_test(served, adaptations(graph_inputs()))
    (request,) = run_requests(tested)
    judge = jsonschema_rs.validator_for(request["properties"]["context"])
    assert judge.is_valid({"a\n": "\0"}) and not judge.is_valid({"a\0": 1})


def test_states_lead_to_every_operation_on_them(served: Json) -> None:
    tested, _ = under_test(served, adaptations(graph_inputs()))
    links = operations(tested)["GET /threads/{thread_id}/history"]["responses"]["200"]["links"].values()
    pattern = r"\w+ /threads/\{thread_id\}/(history|state/.*)"
    expected = {one["operationId"] for label, one in operations(tested).items() if re.fullmatch(pattern, label)}
    assert {link["operationId"] for link in links} == expected != set()


def test_names_to_select_have_no_comma(served: Json) -> None:
    tested, _ = under_test(served, adaptations(graph_inputs()))
    (select,) = (
        one for one in operations(tested)["GET /threads/{thread_id}/state"]["parameters"] if one["name"] == "select"
    )
    judge = jsonschema_rs.validator_for(select["schema"])
    assert judge.is_valid(["values.a", "next"]) and not judge.is_valid(["values.a,b"])


def test_a_gap_that_was_closed_is_none(served: Json) -> None:
    adapted = adaptations(graph_inputs())
    tested, made = under_test(served, adapted)
    gaps = [adaptation for adaptation in adapted if adaptation.gap]
    assert under_test(tested, gaps) == (tested, [])
    assert {adaptation.name for adaptation in made} >= {"itemSchema", "assistant_id", "input", "examples"}


def test_tokens_are_those_that_were_signed(served: Json) -> None:
    tested, _ = under_test(served, adaptations(graph_inputs(), ["a", "b"]))
    for method in ("GET", "POST"):
        parameters = operations(tested)[f"{method} /runs/{{run_id}}/feedback/{{token}}"]["parameters"]
        assert [one["schema"] for one in parameters if one["name"] == "token"] == [
            {"type": "string", "enum": ["a", "b"]}
        ]


def test_an_adaptation_without_a_target_says_so(served: Json) -> None:
    tested, _ = under_test(served, adaptations(graph_inputs()))
    with pytest.raises(StaleAdaptation, match="itemSchema"):
        under_test(tested, adaptations(graph_inputs()))


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A folder of examples; one of its graphs has no known input."""
    for name in ("greeting.json", "emails/budget_review.eml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("{}")
    (tmp_path / "langgraph.json").write_text(
        '{"dependencies": ["."], "graphs": {"agent": "./a.py:b", "new": "./c.py:d"}}'
    )
    return tmp_path


def test_a_new_example_needs_an_input(examples: Path) -> None:
    with pytest.raises(KeyError, match="new"):
        graph_inputs(examples)


def test_the_examples_are_served_with_a_graph_that_can_be_steered(examples: Path) -> None:
    folder = examples / "served"
    folder.mkdir()
    config = json.loads(write_config(folder, examples).read_text())
    assert config["dependencies"] == [".."] and config["graphs"]["new"] == str(examples / "c.py:d")
    assert config["graphs"]["steered"].endswith("tests/contract/steered.py:graph")
