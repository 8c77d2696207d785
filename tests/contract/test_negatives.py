"""A request with a parameter too many is valid; one without a required parameter is not."""

from __future__ import annotations

from typing import Any

import pytest
from schemathesis.core.mutations import Mutation

from tests.contract.negatives import is_valid

SCHEMAS = {"parts": {"anyOf": [{"type": "string", "pattern": "^x"}, {"type": "array", "items": {"type": "string"}}]}}


def mutation(location: str, name: str, *keywords: str, pointer: str = "") -> Mutation:
    """As Schemathesis records it."""
    recorded = {"path": [], "schema_pointer": pointer, "channel": "schema", "operator": "negate_constraints"}
    values = {"original_value": None, "new_value": None}
    return Mutation.from_dict(
        {**recorded, **values, "parameter_location": location, "parameter": name, "keywords": keywords}
    )


NAMES = mutation("query", "key", "additionalProperties", "required")
ONE_OF_TWO = mutation("query", "parts", "anyOf", pointer="/properties/parts/anyOf/0")
KEY = mutation("header", "Authorization", "format")


@pytest.mark.parametrize(
    ("mutations", "query", "valid"),
    [
        ([NAMES, KEY], {"key": "x", "": "y"}, True),
        ([NAMES], {"key": "x"}, True),
        ([NAMES, KEY], {"": "y"}, False),
        ([mutation("query", "key", "pattern")], {"key": "x"}, False),
        ([mutation("query", "parts", "anyOf")], {"parts": {"y": 5}}, True),
        ([mutation("query", "parts", "anyOf")], {"parts": []}, False),
        ([NAMES, mutation("header", "Idempotency-Key", "pattern")], {"key": "x"}, False),
        ([mutation("body", "key", "required")], {"key": "x"}, False),
        ([ONE_OF_TWO, KEY], {"parts": ["y"]}, True),
        ([ONE_OF_TWO, KEY], {"parts": {"": [], "y": {}}}, True),
        ([ONE_OF_TWO, KEY], {"parts": "y"}, False),
        ([], {}, False),
    ],
)
def test_what_is_wrong_with_a_request(mutations: list[Mutation], query: dict[str, Any], valid: bool) -> None:
    assert is_valid(mutations, query, SCHEMAS) == valid
