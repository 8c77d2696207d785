"""Changes of one shape of a document: a field, a parameter, an operation or a schema that is absent, new or another."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from codegen.document import Document
from tests.codegen.editions import contract

Change = Callable[[Document], Any]


def edited(change: Change) -> Document:
    """The vendored contract with a change."""
    document = contract()
    change(document)
    return document


def schema(document: Document, name: str) -> dict[str, Any]:
    """A schema of the document."""
    node: dict[str, Any] = document["components"]["schemas"][name]
    return node


def operation(document: Document, place: str) -> dict[str, Any]:
    """The operation at a place such as `POST /runs`."""
    method, _, path = place.partition(" ")
    node: dict[str, Any] = document["paths"][path][method.lower()]
    return node


def without_field(name: str, key: str) -> Change:
    def change(document: Document) -> None:
        node = schema(document, name)
        del node["properties"][key]
        node["required"] = [each for each in node.get("required", []) if each != key]

    return change


def with_field(name: str, key: str, part: Any, *, required: bool = False) -> Change:
    def change(document: Document) -> None:
        node = schema(document, name)
        node["properties"][key] = part
        node["required"] = [*node.get("required", []), *([key] if required else [])]

    return change


def renamed_field(name: str, old: str, new: str) -> Change:
    def change(document: Document) -> None:
        node = schema(document, name)
        node["properties"][new] = node["properties"].pop(old)
        node["required"] = [new if each == old else each for each in node.get("required", [])]

    return change


def replaced(name: str, key: str, **keywords: Any) -> Change:
    """Keywords of a field in place of its own."""

    def change(document: Document) -> None:
        schema(document, name)["properties"][key].update(keywords)

    return change


def optional(name: str, key: str) -> Change:
    def change(document: Document) -> None:
        schema(document, name)["required"].remove(key)

    return change


def without_operation(place: str) -> Change:
    def change(document: Document) -> None:
        method, _, path = place.partition(" ")
        del document["paths"][path][method.lower()]

    return change


def moved_operation(place: str, path: str) -> Change:
    def change(document: Document) -> None:
        method, _, old = place.partition(" ")
        document["paths"].setdefault(path, {})[method.lower()] = document["paths"][old].pop(method.lower())

    return change


def renamed_operation(place: str, operation_id: str) -> Change:
    return lambda document: operation(document, place).update(operationId=operation_id)


def without_parameter(place: str, name: str) -> Change:
    def change(document: Document) -> None:
        node = operation(document, place)
        node["parameters"] = [each for each in node["parameters"] if each["name"] != name]

    return change


def with_parameter(place: str, name: str, part: Any, *, required: bool = False) -> Change:
    added = {"name": name, "in": "query", "required": required, "schema": part}
    return lambda document: operation(document, place).setdefault("parameters", []).append(added)


def renamed_schema(old: str, new: str) -> Change:
    def change(document: Document) -> None:
        document["components"]["schemas"][new] = document["components"]["schemas"].pop(old)
        text = json.dumps(document).replace(f'"#/components/schemas/{old}"', f'"#/components/schemas/{new}"')
        document.clear()
        document.update(json.loads(text))

    return change


def inlined_schema(name: str) -> Change:
    """The schema gone, and written out wherever it was referred to."""

    def put(node: Any, part: Any) -> Any:
        if isinstance(node, dict):
            if node.get("$ref") == f"#/components/schemas/{name}":
                return json.loads(json.dumps(part))
            return {key: put(value, part) for key, value in node.items()}
        return [put(each, part) for each in node] if isinstance(node, list) else node

    def change(document: Document) -> None:
        part = document["components"]["schemas"].pop(name)
        whole = put(document, part)
        document.clear()
        document.update(whole)

    return change


def split_schema(name: str, keys: tuple[str, ...]) -> Change:
    """Some fields of the schema in a schema of their own, the two joined by `allOf`."""

    def change(document: Document) -> None:
        node = schema(document, name)
        moved = {key: node["properties"].pop(key) for key in keys}
        document["components"]["schemas"][f"{name}Part"] = {"type": "object", "properties": moved}
        own = dict(node)
        node.clear()
        node["allOf"] = [own, {"$ref": f"#/components/schemas/{name}Part"}]

    return change


def merged_schemas(kept: str, gone: str) -> Change:
    """One schema in place of two, with the fields of both."""

    def change(document: Document) -> None:
        other = document["components"]["schemas"].pop(gone)
        node = schema(document, kept)
        node["properties"] = {**other["properties"], **node["properties"]}
        text = json.dumps(document).replace(f'schemas/{gone}"', f'schemas/{kept}"')
        document.clear()
        document.update(json.loads(text))

    return change


def referred_field(name: str, key: str, *, beside: dict[str, Any] | None = None, wrapped: bool = False) -> Change:
    """A field's schema as a component of its own, referred to with other keywords beside the reference."""

    def change(document: Document) -> None:
        node = schema(document, name)["properties"]
        document["components"]["schemas"]["Moved"] = node[key]
        reference = {"$ref": "#/components/schemas/Moved"}
        node[key] = {**({"allOf": [reference]} if wrapped else reference), **(beside or {})}

    return change
