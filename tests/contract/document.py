"""Reads an Agent Server document: its operations, the ones that create runs, and their requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid5

Json = dict[str, Any]
# The namespace of the assistants that every graph has from the start (recorded; not one of RFC 4122's).
ASSISTANTS = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace")


def operations(document: Json) -> dict[str, Json]:
    """Every operation by its label, `GET /ok`."""
    return {
        f"{method.upper()} {path}": item[method]
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


def resolved(document: Json, value: Json) -> Json:
    """The value, or the target of its `$ref`."""
    while "$ref" in value:
        target: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            target = target[part.replace("~1", "/").replace("~0", "~")]
        value = target
    return value


def creates(document: Json) -> list[str]:
    """The labels of the operations that create runs: those whose body names an assistant."""
    return [label for label, operation in operations(document).items() if any(_of_operation(document, operation))]


def stream_modes(document: Json) -> list[str]:
    """The stream modes that a run can be asked for."""
    return list(dict.fromkeys(mode for schema in run_requests(document) for mode in _strings(schema)))


def assistant_id(graph: str) -> str:
    """The id of the assistant that a graph has from the start."""
    return str(uuid5(ASSISTANTS, graph))


def run_requests(document: Json) -> list[Json]:
    """The schemas of a run to create, each once, though several operations refer to it."""
    found = {
        id(schema): schema
        for operation in operations(document).values()
        for schema in _of_operation(document, operation)
    }
    return list(found.values())


def declared_links(document: Json) -> set[tuple[str, str]]:
    """(label, name) of the links from an operation's answer to another operation."""
    return {
        (label, name)
        for label, operation in operations(document).items()
        for response in operation["responses"].values()
        for name in resolved(document, response).get("links", ())
    }


def sources(document: Json) -> list[str]:
    """The operations that sequences begin with: those with links to others, and without ids in their paths."""
    linked = {label for label, _ in declared_links(document)}
    return [label for label in operations(document) if label in linked and "{" not in label]


def statuses(document: Json) -> dict[str, list[str]]:
    """Operation -> the statuses that it declares."""
    return {label: list(operation["responses"]) for label, operation in operations(document).items()}


def _strings(schema: Json) -> Iterator[str]:
    declared = schema["properties"].get("stream_mode", {})
    for branch in (declared, *declared.get("anyOf", ())):
        yield from branch.get("enum", ())
        yield from branch.get("items", {}).get("enum", ())


def _of_operation(document: Json, operation: Json) -> Iterator[Json]:
    """The object schemas in an operation's body that have an `assistant_id`."""
    body = resolved(document, operation.get("requestBody", {}))
    schema = body.get("content", {}).get("application/json", {}).get("schema")
    if schema is not None:
        yield from _with_assistant(document, schema)


def _with_assistant(document: Json, schema: Json) -> Iterator[Json]:
    schema = resolved(document, schema)
    if "assistant_id" in schema.get("properties", {}) and "input" in schema["properties"]:
        yield schema
    for keyword in ("allOf", "anyOf", "oneOf"):
        for branch in schema.get(keyword, ()):
            yield from _with_assistant(document, branch)
    if isinstance(schema.get("items"), dict):
        yield from _with_assistant(document, schema["items"])
