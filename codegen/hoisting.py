"""Gives names to unnamed parts of the contract: bodies, answers, and objects and enums inside other schemas."""

from __future__ import annotations

import re
from typing import Literal

from codegen.document import (
    JSON,
    SCHEMA_PREFIX,
    Document,
    Pointer,
    Schema,
    at,
    join,
    operations,
    resolve,
    rewrite_all,
    types,
)
from codegen.errors import CodegenError
from codegen.rules import INLINE, NAMED, Firing
from codegen.shapes import shape, without

# Keywords that describe the place stay at the place.
_OF_THE_PLACE = ("description", "default", "deprecated")


def camel(name: str) -> str:
    """`create_run` as `CreateRun`."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[\W_]+", name))


def hoist_operations(document: Document, part: Literal["requestBody", "responses"], log: list[Firing]) -> None:
    """Give each JSON body, or each object that is a successful answer, a component of its own."""
    for path, method, operation in operations(document):
        base: Pointer = ("paths", path, method, part)
        if part == "requestBody":
            places = [base] if part in operation else []
        else:
            places = [(*base, status) for status in sorted(operation["responses"]) if status.startswith("2")]
        for place in places:
            node, real = resolve(document, place)
            media = node.get("content", {}).get(JSON, {})
            schema = media.get("schema", {})
            if "$ref" in schema or not (schema.get("properties") if part == "responses" else schema):
                continue
            name = camel(operation["operationId"]) + ("Response" if part == "responses" else "Request")
            if name in document["components"]["schemas"]:
                raise CodegenError(f"{join(real)}: the name {name} is taken by a schema of the contract")
            document["components"]["schemas"][name] = schema
            media["schema"] = {"$ref": SCHEMA_PREFIX + name}
            log.append(Firing(NAMED, (*real, "content", JSON, "schema")))


def hoist_inline(document: Document, log: list[Firing], *, enums: bool = False) -> None:
    """Give objects with properties inside other schemas, and enums if asked for, a component each."""
    schemas = document["components"]["schemas"]
    named: dict[str, Schema] = {}

    def visit(schema: Schema, pointer: Pointer) -> Schema:
        is_object = bool(schema.get("properties")) and types(schema) in (["object"], [])
        is_enum = enums and types(schema) == ["string"] and len(schema.get("enum", [])) > 1
        # A component already has a name; a branch of allOf is a part of its parent.
        nameless = len(pointer) > 3 and pointer[-2] != "allOf"
        if not nameless or not (is_object or is_enum):
            return schema
        body = without(schema, *_OF_THE_PLACE)
        name = _name(document, named, body, pointer)
        named[name] = body
        log.append(Firing(INLINE, pointer))
        return {"$ref": SCHEMA_PREFIX + name} | {key: schema[key] for key in _OF_THE_PLACE if key in schema}

    rewrite_all(document, visit)
    schemas.update({name: body for name, body in named.items() if name not in schemas})


def _name(document: Document, named: dict[str, Schema], body: Schema, pointer: Pointer) -> str:
    schemas = document["components"]["schemas"]
    owner, words = _place(document, pointer)
    # `config`, written out in place, is the component Config if the two are the same.
    if words and words[-1] in schemas and _same(schemas[words[-1]], body):
        return words[-1]
    base = owner + "".join(words)
    for name in (base, *(f"{base}{number}" for number in range(2, 100))):
        if name not in schemas and (name not in named or _same(named[name], body)):
            return name
    raise CodegenError(f"{join(pointer)}: no name left for what is written in place there")


def _same(one: Schema, other: Schema) -> bool:
    return shape({"type": "object", **one}) == shape({"type": "object", **other})


def _place(document: Document, pointer: Pointer) -> tuple[str, list[str]]:
    """The owner of the place, and the names on the way to it; positions in unions and lists add no name."""
    if pointer[0] == "paths":
        operation = at(document, pointer[:3])
        rest = pointer[3:]
        owner = camel(operation["operationId"]) if isinstance(operation, dict) else camel(pointer[1])
        if rest[:1] == ("parameters",):
            return owner, [camel(at(document, pointer[:5])["name"]), *_properties(rest[2:])]
        return owner + ("Request" if rest[:1] == ("requestBody",) else "Response"), _properties(rest)
    return camel(pointer[2]), _properties(pointer[3:])


def _properties(pointer: Pointer) -> list[str]:
    words, named = [], False
    for part in pointer:
        if named:
            words.append(camel(part))
        elif part in ("additionalProperties", "patternProperties"):
            # The map itself takes the name of its property.
            words.append("Value")
        named = not named and part in ("properties", "$defs")
    return words
