"""Rewrites of schemas, each for one shape that a generator handles wrongly."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from codegen.document import Document, Schema, at, split, types

Rewrite = Callable[[Schema, Document], Schema | None]
"""The rewritten schema, or None where there is nothing to do."""

ANNOTATIONS = frozenset(
    {"title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly"}
)
JSON_TYPES = frozenset({"object", "array", "string", "number", "boolean", "null"})
# Keywords that limit a value without naming its type.
LIMITS = frozenset(
    {
        "maxLength",
        "minLength",
        "pattern",
        "format",
        "maximum",
        "minimum",
        "exclusiveMaximum",
        "exclusiveMinimum",
        "multipleOf",
        "maxItems",
        "minItems",
        "uniqueItems",
        "contains",
        "minContains",
        "maxContains",
        "maxProperties",
        "minProperties",
        "propertyNames",
        "dependentRequired",
        "dependentSchemas",
        "not",
        "if",
        "then",
        "else",
        "contentMediaType",
        "contentEncoding",
        "contentSchema",
        "unevaluatedProperties",
        "unevaluatedItems",
    }
)
# runtime/numbers.py, which is copied there.
INTEGER = "treadle_api.numbers.Integer"


def without(schema: Schema, *keywords: str) -> Schema:
    """The schema without the keywords."""
    return {keyword: value for keyword, value in schema.items() if keyword not in keywords}


def described(schema: Schema) -> Schema:
    """The schema's annotations alone."""
    return {keyword: value for keyword, value in schema.items() if keyword in ANNOTATIONS}


def is_plain(schema: Schema) -> bool:
    """Whether `type` is the only keyword that validates."""
    idle: dict[str, tuple[Any, ...]] = {"items": ({},), "additionalProperties": ({}, True)}
    return all(
        keyword == "type" or keyword in ANNOTATIONS or keyword.startswith("x-") or value in idle.get(keyword, ())
        for keyword, value in schema.items()
    )


def nullable(schema: Schema, _: Document) -> Schema | None:
    """`nullable: true` as a type list."""
    if not isinstance(schema.get("nullable"), bool):
        return None
    rest = without(schema, "nullable")
    if not schema["nullable"] or "null" in types(rest):
        return rest
    if "$ref" in rest:
        return {"anyOf": [{"$ref": rest["$ref"]}, {"type": "null"}], **without(rest, "$ref")}
    if types(rest):
        return {**rest, "type": [*types(rest), "null"]}
    # As OpenAPI 3.0 has to write it for a reference: `nullable` beside `allOf`.
    validating = {keyword: value for keyword, value in rest.items() if keyword not in ANNOTATIONS}
    return {"anyOf": [validating, {"type": "null"}], **described(rest)} if validating else rest


def unserved(schema: Schema, _: Document) -> Schema | None:
    """What the served document refuses, as the contract has it."""
    return without(schema, "x-unserved", "not") if "x-unserved" in schema else None


def any_json(schema: Schema, _: Document) -> Schema | None:
    """A union that admits every JSON value as `{}`."""
    if "anyOf" in schema and not types(schema):
        branches = schema["anyOf"]
        others = without(schema, "anyOf")
    elif types(schema):
        branches, others = [schema], {}
    else:
        return None
    covered = {kind for branch in branches if is_plain(branch) for kind in types(branch)}
    return described(schema) if covered >= JSON_TYPES and is_plain(others) else None


def any_string(schema: Schema, _: Document) -> Schema | None:
    """`a formatted string, or any string` as any string."""
    branches = schema.get("anyOf", [])
    if not is_plain(without(schema, "anyOf")) or types(schema):
        return None
    if not all(types(branch) == ["string"] for branch in branches) or not any(map(is_plain, branches)):
        return None
    return {"type": "string", **described(schema)}


def array_items(schema: Schema, _: Document) -> Schema | None:
    """An array without `items` with `items: {}`."""
    return {**schema, "items": {}} if "array" in types(schema) and not {"items", "prefixItems"} & set(schema) else None


def one_array(schema: Schema, _: Document) -> Schema | None:
    """`[A] | [B]` as `[A | B]`."""
    arrays = [branch for branch in schema.get("anyOf", []) if types(branch) == ["array"] and "items" in branch]
    if len(arrays) < 2:
        return None
    first = schema["anyOf"].index(arrays[0])
    merged = {"type": "array", "items": {"anyOf": [branch["items"] for branch in arrays]}}
    rest = [branch for branch in schema["anyOf"] if branch not in arrays]
    return {**schema, "anyOf": [*rest[:first], merged, *rest[first:]]}


def type_beside_ref(schema: Schema, document: Document) -> Schema | None:
    """`type` beside a `$ref` whose target has it."""
    if "$ref" not in schema or "type" not in schema:
        return None
    target = at(document, split(schema["$ref"]))
    return without(schema, "type") if set(types(target)) <= set(types(schema)) and types(target) else None


def null_default(schema: Schema, _: Document) -> Schema | None:
    """`default: null`."""
    return without(schema, "default") if schema.get("default", ...) is None else None


def title(schema: Schema, _: Document) -> Schema | None:
    """`title`."""
    return without(schema, "title") if isinstance(schema.get("title"), str) else None


def limits(schema: Schema, _: Document) -> Schema | None:
    """Keywords that limit a value without naming its type."""
    changed = {keyword: value for keyword, value in schema.items() if keyword not in LIMITS}
    if changed.get("additionalProperties") is False:
        del changed["additionalProperties"]
    return changed if changed != schema else None


def bare_branches(schema: Schema, _: Document) -> Schema | None:
    """Branches of a union that only list `required` keys."""
    changed = dict(schema)
    for keyword in ("anyOf", "oneOf", "allOf"):
        branches = schema.get(keyword, [])
        telling = [branch for branch in branches if set(branch) - ANNOTATIONS - {"required"}]
        if keyword == "allOf" and telling:
            changed[keyword] = telling
        # A union with one branch that admits anything admits anything; the keywords beside the union are kept.
        elif len(telling) < len(branches):
            del changed[keyword]
    return changed if changed != schema and types(schema) else None


def exclusive(schema: Schema, _: Document) -> Schema | None:
    """`oneOf` as `anyOf`."""
    if "oneOf" not in schema or "anyOf" in schema:
        return None
    return {("anyOf" if keyword == "oneOf" else keyword): value for keyword, value in schema.items()}


def enum_of_numbers(schema: Schema, _: Document) -> Schema | None:
    """An enum that a Literal cannot hold."""
    values = schema["enum"] if "enum" in schema else [schema["const"]] if "const" in schema else []
    numbers = any(isinstance(value, int | float) and not isinstance(value, bool) for value in values)
    return without(schema, "enum", "const") if numbers or any(isinstance(v, list | dict) for v in values) else None


def deprecated(schema: Schema, _: Document) -> Schema | None:
    """`deprecated`."""
    return without(schema, "deprecated") if "deprecated" in schema else None


def integer(schema: Schema, _: Document) -> Schema | None:
    """An integer, as the type that loads every spelling of an integer."""
    # This extension tells datamodel-code-generator which type to use.
    return {**schema, "customTypePath": INTEGER} if types(schema) in (["integer"], ["integer", "null"]) else None


def number(schema: Schema, _: Document) -> Schema | None:
    """A number as integer or number."""
    if "number" not in types(schema) or "integer" in types(schema):
        return None
    position = types(schema).index("number")
    return {**schema, "type": [*types(schema)[:position], "integer", *types(schema)[position:]]}


def free_form(schema: Schema, _: Document) -> Schema | None:
    """An object without known properties, alone or in a type list, as `{}`."""
    if "object" not in types(schema):
        return None
    if schema.get("additionalProperties") not in (None, True, {}):
        return None
    about_keys = {"propertyNames", "minProperties", "maxProperties", "x-published"}
    if not set(schema) <= ANNOTATIONS | about_keys | {"type", "additionalProperties", "items"}:
        return None
    return described(schema)


def default(schema: Schema, _: Document) -> Schema | None:
    """`default`."""
    return without(schema, "default") if "default" in schema else None


def shape(schema: Any) -> str:
    """The schema without prose, for comparison."""

    def bare(node: Any, names: bool) -> Any:
        if isinstance(node, dict):
            return {
                key: bare(value, key == "properties")
                for key, value in node.items()
                if names or key not in ("title", "description", "examples", "example")
            }
        return [bare(item, False) for item in node] if isinstance(node, list) else node

    return json.dumps(bare(schema, False), sort_keys=True)
