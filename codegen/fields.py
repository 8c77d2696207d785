"""Lists the fields that a document gives an operation: its parameters, and the fields of its body."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from codegen.document import JSON, Document, Schema, followed, properties_of, types

ALL_TYPES = ("array", "boolean", "integer", "null", "number", "object", "string")


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, a field of a body, or a field inside one of these (`config.tags`)."""

    name: str
    types: frozenset[str]
    values: tuple[str, ...] = ()
    """Those of an enum."""
    required: bool = False
    enum_alone: bool = False
    """Whether nothing but these values is accepted."""
    node: Schema = field(default_factory=dict, compare=False, repr=False)
    """Its schema where it stands."""
    enums: tuple[Schema, ...] = field(default=(), compare=False, repr=False)
    """The schemas that hold the values."""

    @property
    def rows(self) -> list[str]:
        """The field and its values, as tests name them: `durability=sync`. Of a plain enum, the values alone."""
        own = [] if self.enum_alone else [self.name]
        return own + [f"{self.name}={value}" for value in self.values]


def parameters(document: Document, operation: dict[str, Any], item: dict[str, Any]) -> list[Field]:
    """The parameters of an operation, and the fields inside those that are objects."""
    nodes = [followed(document, each) for each in (*item.get("parameters", []), *operation.get("parameters", []))]
    required = {node["name"] for node in nodes if node.get("required")}
    return [
        found
        for node in nodes
        if node["in"] != "cookie"
        for found in fields(document, node["name"], node.setdefault("schema", {}), required)
    ]


def body(document: Document, operation: dict[str, Any]) -> list[Field]:
    """The fields of an operation's body, or of each item of it."""
    request = followed(document, operation.get("requestBody", {}))
    schema = followed(document, request.get("content", {}).get(JSON, {}).get("schema", {}))
    return of_schema(document, schema.get("items", schema))


def of_schema(document: Document, schema: Schema) -> list[Field]:
    """The fields of an object's schema."""
    properties, required = properties_of(document, schema)
    return [found for name, part in properties.items() for found in fields(document, name, part, required)]


def fields(
    document: Document, name: str, schema: Schema, required: Collection[str] = (), *, inside: bool = True
) -> Iterator[Field]:
    """The field with the values that it may have, and the fields inside it."""
    real = followed(document, schema)
    branches = [followed(document, each) for each in real.get("anyOf", [real])]
    holders = [each if "enum" in each else followed(document, each.get("items", {})) for each in branches]
    holders = [each for each in holders if each.get("enum")]
    values = tuple(dict.fromkeys(str(value) for each in holders for value in each["enum"]))
    yield Field(name, accepted(document, real), values, name in required, "enum" in real, schema, tuple(holders))
    for each in branches if inside else ():
        for key, part in each.get("properties", {}).items():
            yield from fields(document, f"{name}.{key}", part, set(), inside=False)


def accepted(document: Document, schema: Schema, depth: int = 8) -> frozenset[str]:
    """The JSON types that a schema accepts."""
    if depth == 0:
        return frozenset(ALL_TYPES)
    if "$ref" in schema:
        return accepted(document, followed(document, schema), depth - 1)
    found = frozenset(types(schema) or ALL_TYPES)
    for keyword in ("anyOf", "oneOf"):
        if schema.get(keyword):
            found &= frozenset().union(*(accepted(document, each, depth - 1) for each in schema[keyword]))
    for each in schema.get("allOf", ()):
        found &= accepted(document, each, depth - 1)
    return found | {"integer"} if "number" in found else found


def spelt(kinds: frozenset[str]) -> str:
    """Some JSON types in words."""
    if kinds >= frozenset(ALL_TYPES):
        return "any"
    shown = kinds - {"integer"} if "number" in kinds else kinds
    return " | ".join(sorted(shown, key=lambda kind: (kind == "null", kind)))
