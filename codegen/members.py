"""Describes the members of a schema for readers: name, type, default, limits, meaning, and the fields inside."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codegen.document import SCHEMA_PREFIX, Document, Schema, followed, properties_of, types

DEEPEST = 4
"""Levels of objects inside objects that are shown."""
_LIMITS = (
    ("minimum", "maximum", ""),
    ("minLength", "maxLength", " characters"),
    ("minItems", "maxItems", " entries"),
)


@dataclass(frozen=True, slots=True)
class Member:
    """A parameter, a field, or a header."""

    name: str
    type: str
    text: str
    required: bool = False
    deprecated: bool = False
    default: str = ""
    """As JSON; empty if there is none."""
    values: tuple[str, ...] = ()
    """Those it may have, as JSON; empty if there are others."""
    limits: tuple[str, ...] = ()
    says_values: bool = False
    """Whether the text names all of them."""
    inside: tuple[Member, ...] = ()
    """Fields of objects that have no name of their own."""
    named: tuple[str, ...] = ()
    """The objects with a name that it may be or have."""


def member(document: Document, name: str, node: Schema, *, required: bool = False, text: str | None = None) -> Member:
    """The member with this schema; `text` stands before the schema's own description."""
    return _member(document, name, node, required, text, ())


def members(document: Document, schema: Schema) -> list[Member]:
    """The fields of an object."""
    return list(_members(document, schema, ()))


def named_in(document: Document, schema: Any) -> list[str]:
    """The names of the objects that a value may be, or have as entries."""
    if not isinstance(schema, dict):
        return []
    if name := _name(document, schema):
        return [name]
    target = followed(document, schema)
    parts = (
        *target.get("anyOf", []),
        *target.get("oneOf", []),
        target.get("items"),
        target.get("additionalProperties"),
    )
    return list(dict.fromkeys(name for part in parts for name in named_in(document, part)))


def type_of(document: Document, schema: Schema) -> str:
    """The type in words: `string or array of string`."""
    if "$ref" in schema:
        return _name(document, schema) or type_of(document, followed(document, schema))
    branches = [part for key in ("anyOf", "oneOf") for part in schema.get(key, [])]
    if branches and not schema.get("properties"):
        return " or ".join(dict.fromkeys(type_of(document, part) for part in branches if _says_type(part))) or "any"
    if schema.get("allOf") and "type" not in schema:
        return "object"
    return " or ".join(_single(document, schema, kind) for kind in types(schema)) or _of_values(schema)


def _of_values(schema: Schema) -> str:
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    kinds = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}
    return " or ".join(dict.fromkeys(kinds.get(type(value), "object") for value in values)) or "any"


def _single(document: Document, schema: Schema, kind: str) -> str:
    if kind == "array":
        items = schema.get("items", {})
        inner = type_of(document, items) if isinstance(items, dict) else "any"
        return "array" if inner == "any" else f"array of {inner}"
    named = {"uuid": "UUID", "date-time": "date and time", "uri": "URL", "uri-reference": "URL"}
    return named.get(schema.get("format", ""), kind) if kind == "string" else kind


def _says_type(schema: Schema) -> bool:
    return "$ref" in schema or any(key in schema for key in ("type", "enum", "const", "anyOf", "oneOf", "allOf"))


def _members(document: Document, schema: Schema, above: tuple[str, ...]) -> Iterator[Member]:
    properties, required = properties_of(document, schema)
    for name, node in properties.items():
        if isinstance(node, dict):
            yield _member(document, name, node, name in required, None, above)


def _name(document: Document, schema: Schema) -> str:
    """The name of the schema if it is an object with fields, else nothing."""
    if "$ref" not in schema or not properties_of(document, schema)[0]:
        return ""
    return str(schema["$ref"]).removeprefix(SCHEMA_PREFIX)


def _member(
    document: Document, name: str, node: Schema, required: bool, text: str | None, above: tuple[str, ...]
) -> Member:
    target = followed(document, node)
    own = node.get("description") or target.get("description", "")
    values = tuple(dict.fromkeys(json.dumps(value, ensure_ascii=False) for value in _values(document, node)))
    return Member(
        name=name,
        type=type_of(document, node),
        text=str(own if text is None else text),
        required=required,
        deprecated=bool(node.get("deprecated")),
        default=json.dumps(node["default"], ensure_ascii=False) if "default" in node else "",
        values=values if len(values) > 1 else (),
        limits=tuple(_limits(document, node)),
        says_values=all(f"`{value.strip(chr(34))}`" in str(own if text is None else text) for value in values),
        inside=tuple(_inside(document, node, above)),
        named=tuple(named_in(document, node)),
    )


def _branches(document: Document, node: Any) -> Iterator[Schema]:
    """The schemas that a value may have, those of the entries of an array among them."""
    if not isinstance(node, dict):
        return
    node = followed(document, node)
    yield node
    for part in (*node.get("anyOf", []), *node.get("oneOf", [])):
        yield from _branches(document, part)
    yield from _branches(document, node.get("items"))


def _values(document: Document, node: Schema) -> list[Any]:
    return [value for branch in _branches(document, node) for value in branch.get("enum", [])]


def _limits(document: Document, node: Schema) -> Iterator[str]:
    target = followed(document, node)
    for least, most, unit in _LIMITS:
        low, high = target.get(least), target.get(most)
        if low is not None and high is not None:
            yield f"{low:,} to {high:,}{unit}"
        elif low is not None or high is not None:
            yield f"at least {low:,}{unit}" if high is None else f"at most {high:,}{unit}"


def _inside(document: Document, node: Any, above: tuple[str, ...]) -> Iterator[Member]:
    """The fields of the nameless objects that a value may be or have, each once."""
    if not isinstance(node, dict) or len(above) >= DEEPEST or _name(document, node):
        return
    if "$ref" in node:
        if node["$ref"] not in above:
            yield from _inside(document, followed(document, node), (*above, node["$ref"]))
        return
    seen: set[str] = set()
    found = [*_members(document, node, (*above, ""))]
    for part in (*node.get("anyOf", []), *node.get("oneOf", []), node.get("items")):
        found += _inside(document, part, above)
    for each in found:
        if each.name not in seen:
            seen.add(each.name)
            yield each
