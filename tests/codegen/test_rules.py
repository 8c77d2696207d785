"""Each rule on the smallest schema that it is for, and on one that it must leave alone."""

from __future__ import annotations

from typing import Any

import jsonschema_rs
import pytest

from codegen import shapes
from codegen.document import Document, Schema
from codegen.hoisting import hoist_inline, hoist_operations
from codegen.rules import BODY, CLIENT, REPAIRS, RESULT, SHARED, Firing
from codegen.shapes import Rewrite

DOCUMENT: Document = {
    "components": {
        "schemas": {
            "Object": {"type": "object"},
            "Text": {"type": "string"},
        }
    }
}
EVERYTHING = ["object", "array", "string", "number", "boolean", "null"]
TO_OBJECT = {"$ref": "#/components/schemas/Object"}

CASES: list[tuple[Rewrite, Schema, Schema]] = [
    (shapes.nullable, {"type": "string", "nullable": True}, {"type": ["string", "null"]}),
    (shapes.nullable, {"type": "string", "nullable": False}, {"type": "string"}),
    (shapes.nullable, {**TO_OBJECT, "nullable": True}, {"anyOf": [TO_OBJECT, {"type": "null"}]}),
    (shapes.any_json, {"type": EVERYTHING, "description": "d"}, {"description": "d"}),
    (shapes.any_json, {"anyOf": [{"type": kind} for kind in EVERYTHING], "default": 1}, {"default": 1}),
    (
        shapes.any_string,
        {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "string"}], "description": "d"},
        {"type": "string", "description": "d"},
    ),
    (shapes.array_items, {"type": "array"}, {"type": "array", "items": {}}),
    (shapes.array_items, {"type": ["array", "null"]}, {"type": ["array", "null"], "items": {}}),
    (
        shapes.one_array,
        {
            "anyOf": [
                {"type": "null"},
                {"type": "array", "items": {"type": "string"}},
                {"type": "array", "items": TO_OBJECT},
            ]
        },
        {"anyOf": [{"type": "null"}, {"type": "array", "items": {"anyOf": [{"type": "string"}, TO_OBJECT]}}]},
    ),
    (shapes.type_beside_ref, {**TO_OBJECT, "type": "object"}, TO_OBJECT),
    (shapes.null_default, {"type": "string", "default": None}, {"type": "string"}),
    (shapes.title, {"type": "string", "title": "Input"}, {"type": "string"}),
    (
        shapes.limits,
        {"type": "object", "additionalProperties": False, "minProperties": 1, "not": {}, "if": {}, "format": "x"},
        {"type": "object"},
    ),
    (
        shapes.bare_branches,
        {"type": "object", "properties": {"a": {}}, "oneOf": [{"required": ["a"]}, {"required": ["b"]}]},
        {"type": "object", "properties": {"a": {}}},
    ),
    (
        shapes.bare_branches,
        {"type": "object", "allOf": [{"required": ["a"]}, TO_OBJECT]},
        {"type": "object", "allOf": [TO_OBJECT]},
    ),
    (shapes.exclusive, {"oneOf": [TO_OBJECT, {"type": "null"}]}, {"anyOf": [TO_OBJECT, {"type": "null"}]}),
    (shapes.enum_of_numbers, {"type": "integer", "enum": [0, 1]}, {"type": "integer"}),
    (shapes.enum_of_numbers, {"type": "number", "const": 1}, {"type": "number"}),
    (shapes.integer, {"type": "integer"}, {"type": "integer", "customTypePath": "treadle_api.numbers.Integer"}),
    (shapes.number, {"type": ["null", "number"]}, {"type": ["null", "integer", "number"]}),
    (shapes.deprecated, {"type": "string", "deprecated": True}, {"type": "string"}),
    (shapes.free_form, {"type": "object", "description": "d"}, {"description": "d"}),
    (shapes.free_form, {"type": ["object", "array", "null"], "items": {}}, {}),
    (shapes.free_form, {"type": "object", "propertyNames": {"pattern": "^a"}}, {}),
    (shapes.default, {"type": "string", "default": "a"}, {"type": "string"}),
]

LEFT_ALONE: list[tuple[Rewrite, Schema]] = [
    (shapes.nullable, {"type": ["string", "null"]}),
    (shapes.any_json, {"type": EVERYTHING[:-1]}),
    (shapes.any_json, {"type": EVERYTHING, "minLength": 1}),
    (shapes.any_json, {"anyOf": [{"type": EVERYTHING}], "required": ["a"]}),
    (shapes.any_string, {"anyOf": [{"type": "string", "format": "uuid"}, {"type": "string", "minLength": 1}]}),
    (shapes.any_string, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
    (shapes.array_items, {"type": "array", "items": TO_OBJECT}),
    (shapes.array_items, {"type": "array", "prefixItems": []}),
    (shapes.one_array, {"anyOf": [{"type": "array", "items": {}}, {"type": "null"}]}),
    (shapes.type_beside_ref, {**TO_OBJECT, "type": "string"}),
    (shapes.null_default, {"type": "string", "default": ""}),
    (shapes.title, {"type": "string"}),
    (shapes.limits, {"type": "object", "additionalProperties": {"type": "string"}, "required": ["a"]}),
    (shapes.bare_branches, {"type": "object", "oneOf": [TO_OBJECT, {"type": "object", "required": ["a"]}]}),
    (shapes.exclusive, {"anyOf": [{}]}),
    (shapes.enum_of_numbers, {"type": "string", "enum": ["0"]}),
    (shapes.enum_of_numbers, {"type": "boolean", "const": True}),
    (shapes.integer, {"type": "number"}),
    (shapes.number, {"type": "integer"}),
    (shapes.number, {"type": ["integer", "number"]}),
    (shapes.deprecated, {"type": "string"}),
    (shapes.free_form, {"type": "object", "properties": {"a": {}}}),
    (shapes.free_form, {"type": "object", "additionalProperties": {"type": "string"}}),
    (shapes.free_form, {"type": "array", "items": {}}),
    (shapes.default, {"type": "string"}),
]


def named(case: Any) -> str:
    """The rule that a case is for."""
    return str(getattr(case, "__name__", ""))


@pytest.mark.parametrize(("rewrite", "schema", "expected"), CASES, ids=named)
def test_a_rule_rewrites(rewrite: Rewrite, schema: Schema, expected: Schema) -> None:
    before = repr(schema)
    assert rewrite(schema, DOCUMENT) == expected
    assert repr(schema) == before


@pytest.mark.parametrize(("rewrite", "schema", "expected"), CASES, ids=named)
def test_a_rule_has_nothing_to_do_twice(rewrite: Rewrite, schema: Schema, expected: Schema) -> None:
    # `integer` applies to its own result too: the type stays as it is.
    assert rewrite(expected, DOCUMENT) in (None, expected)


@pytest.mark.parametrize(("rewrite", "schema"), LEFT_ALONE, ids=named)
def test_a_rule_leaves_alone(rewrite: Rewrite, schema: Schema) -> None:
    assert rewrite(schema, DOCUMENT) is None


# All widenings: documents that the views accept and the contract does not.
WIDENINGS: list[tuple[Rewrite, Schema, Any]] = [
    (shapes.nullable, {"type": "string", "nullable": True}, None),
    (
        shapes.one_array,
        {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "array", "items": {"type": "null"}}]},
        ["a", None],
    ),
    (shapes.limits, {"type": "string", "maxLength": 1}, "ab"),
    (shapes.limits, {"type": "object", "additionalProperties": False}, {"a": 1}),
    (shapes.bare_branches, {"type": "object", "anyOf": [{"required": ["a"]}]}, {}),
    (shapes.exclusive, {"oneOf": [{"type": "string"}, {"type": ["string", "null"]}]}, "a"),
    (shapes.enum_of_numbers, {"type": "integer", "enum": [0, 1]}, 2),
    (shapes.free_form, {"type": "object"}, 1),
    (shapes.unserved, {"type": "integer", "not": {}, "x-unserved": True}, 1),
]


@pytest.mark.parametrize(("rewrite", "schema", "document"), WIDENINGS, ids=named)
def test_what_a_widening_lets_pass(rewrite: Rewrite, schema: Schema, document: Any) -> None:
    assert not jsonschema_rs.is_valid(schema, document)
    widened = rewrite(schema, DOCUMENT)
    assert widened is not None
    assert jsonschema_rs.is_valid(widened, document)


def test_no_rule_widens_but_these() -> None:
    wider = {rule.rewrite for rule in (*REPAIRS, *SHARED, *BODY, *RESULT, *CLIENT) if rule.verdict == "wider"}
    assert wider == {rewrite for rewrite, _, _ in WIDENINGS}


def hoisted(schemas: dict[str, Schema], *, enums: bool = False) -> tuple[dict[str, Schema], list[Firing]]:
    """The schemas after inline schemas were made components, and the log."""
    document: Document = {"paths": {}, "components": {"schemas": schemas}}
    log: list[Firing] = []
    hoist_inline(document, log, enums=enums)
    return document["components"]["schemas"], log


INNER: Schema = {"type": "object", "properties": {"a": {"type": "string"}}}


def test_an_object_in_place_is_named_after_its_place() -> None:
    schemas, log = hoisted({"Run": {"type": "object", "properties": {"some_part": {**INNER, "description": "d"}}}})
    assert schemas["RunSomePart"] == INNER
    assert schemas["Run"]["properties"]["some_part"] == {"$ref": "#/components/schemas/RunSomePart", "description": "d"}
    assert [firing.pointer[2:] for firing in log] == [("Run", "properties", "some_part")]


def test_an_object_equal_to_the_component_of_its_name_is_that_component() -> None:
    schemas, _ = hoisted({"Config": INNER, "Run": {"type": "object", "properties": {"config": INNER}}})
    assert sorted(schemas) == ["Config", "Run"]
    assert schemas["Run"]["properties"]["config"] == {"$ref": "#/components/schemas/Config"}


def test_two_shapes_in_one_place_get_two_names() -> None:
    other: Schema = {"type": "object", "properties": {"b": {"type": "string"}}}
    schemas, _ = hoisted({"Run": {"type": "object", "properties": {"part": {"anyOf": [INNER, other]}}}})
    assert (schemas["RunPart"], schemas["RunPart2"]) == (INNER, other)


def test_the_values_of_a_map_and_a_branch_of_all_of() -> None:
    schemas, _ = hoisted(
        {
            "Run": {"type": "object", "properties": {"by_name": {"type": "object", "additionalProperties": INNER}}},
            "Detail": {"allOf": [TO_OBJECT, INNER]},
        }
    )
    assert "RunByNameValue" in schemas
    assert schemas["Detail"] == {"allOf": [TO_OBJECT, INNER]}


def test_one_enum_in_two_forms_has_one_name() -> None:
    mode: Schema = {"type": "string", "enum": ["a", "b"]}
    field: Schema = {"anyOf": [{"type": "array", "items": mode}, mode]}
    schemas, _ = hoisted({"Run": {"type": "object", "properties": {"stream_mode": field}}}, enums=True)
    assert sorted(schemas) == ["Run", "RunStreamMode"]


def test_bodies_and_answers_get_names() -> None:
    content = {"content": {"application/json": {"schema": INNER}}}
    operation = {"operationId": "do_it", "requestBody": content, "responses": {"200": {**content}, "204": {}}}
    document: Document = {"paths": {"/it": {"post": operation}}, "components": {"schemas": {}}}
    hoist_operations(document, "requestBody", [])
    assert document["components"]["schemas"] == {"DoItRequest": INNER}
