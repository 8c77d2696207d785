"""The refusal of a value that fits none of several alternatives names the values that would, and the field."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest
from jsonschema_rs import ValidationError, validator_for

from tests.web.creating import EVERY, PATHS
from tests.web.keeping import kept, thread_path
from treadle.web.verdicts import explained

pytestmark = pytest.mark.edge

MODES = ["values", "messages", "messages-tuple", "tasks", "checkpoints", "updates", "events", "debug", "custom"]
LISTED = ", ".join(f'"{mode}"' for mode in MODES[:-1]) + f' or "{MODES[-1]}"'
TEXT = 'of type "string"'
SEND = 'of type "object"'


@pytest.mark.shows(EVERY, "422")
@pytest.mark.parametrize("operation", PATHS)
@pytest.mark.parametrize(
    ("fields", "said", "place"),
    [
        ({"stream_mode": "bogus"}, f'"bogus" is not one of {LISTED}, and not of type "array"', '["stream_mode"]'),
        ({"stream_mode": 5}, f'5 is not one of {LISTED}, and not of type "array"', '["stream_mode"]'),
        ({"stream_mode": None}, f'null is not one of {LISTED}, and not of type "array"', '["stream_mode"]'),
        ({"stream_mode": ["values", "bogus"]}, '"bogus" is not one of "values", "messages"', '["stream_mode"][1]'),
        ({"assistant_id": 5}, f"5 is not {TEXT}", '["assistant_id"]'),
        ({"assistant_id": {"a": 1}}, f'{{"a":1}} is not {TEXT}', '["assistant_id"]'),
        ({"command": 5}, 'of type "object"', '["command"]'),
        ({"command": {"goto": 5}}, "5 is not of type", '["command"]["goto"]'),
        ({"command": {"goto": {"node": "a"}}}, '"input" is a required property', '["command"]["goto"]'),
        ({"command": {"goto": ["a", {"node": "a"}]}}, "", '["command"]["goto"]'),
        ({"command": {"update": "x"}}, '"x" is not of type', '["command"]["update"]'),
    ],
    ids=str,
)
def test_a_create(http: httpx.Client, operation: str, fields: dict[str, Any], said: str, place: str) -> None:
    body = {"assistant_id": "simple", **fields}
    batch = operation == "create_run_batch"
    response = http.post(PATHS[operation], json=[body] if batch else body)
    detail = response.json()["detail"]
    assert response.status_code == 422
    assert said in detail
    assert f"On instance{'[0]' if batch else ''}{place}" in detail
    assert "schemas listed in" not in detail


@pytest.mark.shows("join_run_stream join_thread_run_stream", "422")
@pytest.mark.parametrize("path", ["/runs/{run}/stream", "/threads/{run}/runs/{run}/stream"])
@pytest.mark.parametrize("query", ["stream_mode=bogus", "stream_mode=values,bogus", 'stream_mode=["bogus"]'])
def test_the_mode_of_a_join(http: httpx.Client, path: str, query: str) -> None:
    response = http.get(f"{path.format(run=uuid4())}?{query}")
    assert response.status_code == 422
    assert response.json()["detail"].startswith('stream_mode: "bogus" is not one of "values", ')
    assert all(f'"{mode}"' in response.json()["detail"] for mode in MODES)


@pytest.mark.shows("search_thread_history", "422")
@pytest.mark.parametrize("before", [5, None, []])
def test_before_of_a_history(http: httpx.Client, before: Any) -> None:
    response = http.post(f"{thread_path(kept(http, 'simple', {'foo': 1}))}/history", json={"before": before})
    assert response.status_code == 422
    assert f"is not {SEND}, and not {TEXT}" in response.json()["detail"]
    assert 'On instance["before"]' in response.json()["detail"]


@pytest.mark.shows("give_feedback give_feedback_by_link", "422")
def test_the_score_of_feedback(http: httpx.Client) -> None:
    link = f"/runs/{uuid4()}/feedback/token"
    for response in (http.post(link, json={"score": "x"}), http.get(link, params={"score": "x"})):
        assert response.status_code == 422
        assert '"x" is not' in response.json()["detail"]
        assert 'of type "number"' in response.json()["detail"]
        assert "score" in response.json()["detail"]


def verdict(schema: Any, value: Any) -> str:
    """The message about a value."""
    with pytest.raises(ValidationError) as caught:
        validator_for(schema).validate(value)
    return explained(caught.value).partition("\n")[0]


@pytest.mark.parametrize(
    ("schema", "value", "said"),
    [
        ({"anyOf": [{"const": "a"}, {"type": "null"}]}, 1, '1 is not "a", and not of type "null"'),
        ({"oneOf": [{"type": "null"}, {"enum": [1, "a"]}]}, "é", '"é" is not one of 1 or "a", and not of type "null"'),
        ({"anyOf": [{"type": ["null", "string"]}, {"type": "string"}]}, 1, None),
        ({"anyOf": [{"anyOf": [{"type": "string"}, {"type": "null"}]}, {"type": "array"}]}, 1, None),
        ({"anyOf": [{"type": "string", "maxLength": 2}, {"type": "null"}]}, "abc", '"abc" is longer than 2 characters'),
        ({"anyOf": [{"type": "object", "required": ["a"]}, {"type": "string"}]}, {}, '"a" is a required property'),
    ],
)
def test_any_alternatives(schema: Any, value: Any, said: str | None) -> None:
    found = verdict(schema, value)
    assert "schemas listed in" not in found
    assert said is None or found == said


def test_a_value_that_fits_several_of_which_it_must_fit_one() -> None:
    assert "more than one" in verdict({"oneOf": [{"type": "string"}, {"minLength": 1}]}, "a")


def test_a_long_value_is_shortened() -> None:
    said = verdict({"anyOf": [{"enum": ["a", "b"]}, {"type": "null"}]}, "x" * 100_000)
    assert len(said) < 3000
    assert said.endswith('is not one of "a" or "b", and not of type "null"')
