"""The OpenAPI document that a server publishes: the contract, as far as it is true of this server."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from treadle_api.operations import ALL, Operation

Json = dict[str, Any]
GRAPH_NAME = "x-graph-name"
"""Marks the schemas of strings that name a graph of the configuration."""
PUBLISHED = "x-published"
"""Keywords that a schema has in the published document only: handlers refuse in words what these do not allow."""


def published(
    document: Json,
    *,
    graphs: Collection[str],
    needs_key: bool,
    is_closed: Callable[[Operation[Any, Any, Any]], bool],
    auth: Mapping[str, Any] | None = None,
) -> Json:
    """The document with the names of the graphs, with the need for a key only if there is one, without the closed
    operations, and with what `auth` says of `securitySchemes` and `security`.
    """
    closed = {operation.operation_id for operation in ALL if is_closed(operation)}
    paths = {path: _open_operations(item, closed) for path, item in document["paths"].items()}
    paths = {path: item for path, item in paths.items() if item}
    # Without `servers` there is one at `/`: said because linters ask for it.
    told: Json = _told({**document, "servers": [{"url": "/"}], "paths": paths}, list(graphs))
    for operation in (operation for item in told["paths"].values() for operation in item.values()):
        _drop_examples(operation, graphs)
        _drop_links(operation, closed)
    if not needs_key:
        told["security"] = []
    auth = auth or {}
    if schemes := auth.get("securitySchemes"):
        told["components"]["securitySchemes"] |= schemes
    if security := auth.get("security"):
        # With keys, both are asked for.
        keys = told["security"] or [{}]
        told["security"] = [{**key, **scheme} for key in keys for scheme in security]
    return told


def _open_operations(item: Json, closed: Collection[str]) -> Json:
    """The operations of a path without the closed ones."""
    return {method: operation for method, operation in item.items() if operation["operationId"] not in closed}


def _told(node: Any, graphs: list[str]) -> Any:
    """A copy of a part of the document, with what the marks stand for in their place."""
    if isinstance(node, list):
        return [_told(item, graphs) for item in node]
    if not isinstance(node, dict):
        return node
    told = {key: _told(value, graphs) for key, value in node.items()}
    told |= told.pop(PUBLISHED, {})
    return {**told, "enum": graphs} if told.pop(GRAPH_NAME, False) else told


def _drop_examples(operation: Json, graphs: Collection[str]) -> None:
    """Drop the examples of requests that run a graph which this server does not have."""
    for content in operation.get("requestBody", {}).get("content", {}).values():
        if examples := content.pop("examples", None):
            kept = {name: example for name, example in examples.items() if _assistants(example["value"]) <= {*graphs}}
            content |= {"examples": kept} if kept else {}


def _drop_links(operation: Json, closed: Collection[str]) -> None:
    """Drop the links to closed operations: a link has to lead to one of the document."""
    for response in operation["responses"].values():
        if links := response.pop("links", None):
            kept = {name: link for name, link in links.items() if link["operationId"] not in closed}
            response |= {"links": kept} if kept else {}


def _assistants(body: Any) -> set[Any]:
    """What the runs in a request name; empty if it is no request for runs."""
    return {run["assistant_id"] for run in (body if isinstance(body, list) else [body]) if "assistant_id" in run}
