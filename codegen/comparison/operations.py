"""Compares the operations of two documents: their places, parameters, bodies and answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codegen.comparison.change import READ, SEND, Change
from codegen.comparison.schemas import Schemas
from codegen.document import ITEM_SCHEMA, Document, exists, followed, mapped, operations, split

Node = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Placed:
    """An operation in its document."""

    document: Document
    path: str
    method: str
    node: Node

    @property
    def place(self) -> str:
        """`POST /runs`."""
        return f"{self.method.upper()} {self.path}"

    @property
    def key(self) -> str:
        """The place without the names of the path's parameters, which clients do not see."""
        return re.sub(r"\{[^}]*\}", "{}", self.place)

    @property
    def id(self) -> str:
        """The operation id; the place if it has none."""
        return str(self.node.get("operationId", self.place))

    def at(self, node: Node) -> Node:
        """The node, with its reference followed."""
        found: Node = followed(self.document, node)
        return found


def compare(old: Document, new: Document) -> Iterator[tuple[Placed, Change]]:
    """Each difference with its operation: that of the new document if it is there."""
    old, new = _whole(old), _whole(new)
    before = {each.key: each for each in _placed(old)}
    after = {each.key: each for each in _placed(new)}
    moved = {each.id: each for key, each in after.items() if key not in before}
    arrived: set[str] = set()
    for key, one in before.items():
        other = after.get(key)
        if other is None and one.id in moved:
            other = moved[one.id]
            arrived.add(other.key)
            text = f"{one.place} has moved to {other.place} ({one.id})"
            yield other, Change("operation-moved", "breaking", SEND, "", text)
        elif other is None:
            yield one, Change("operation-removed", "breaking", SEND, "", f"{one.place} is gone ({one.id})")
            continue
        elif one.id != other.id:
            text = f"its id was {one.id}, and is {other.id}: the line of scope.toml has to change"
            yield other, Change("operation-id-changed", "warning", SEND, "", text)
        for change in _compared(one, other):
            yield other, change
    for key, other in after.items():
        if key not in before and key not in arrived:
            yield other, Change("operation-added", "info", SEND, "", f"{other.place} is new ({other.id})")


def _whole(document: Document) -> Document:
    """The document without references that lead nowhere, which some editions have: nothing is said there."""

    def change(node: Node) -> Node:
        target = node.get("$ref")
        dead = isinstance(target, str) and target.startswith("#/") and not exists(document, split(target))
        return {key: value for key, value in node.items() if key != "$ref"} if dead else node

    found: Document = mapped(document, change)
    return found


def _placed(document: Document) -> list[Placed]:
    return [Placed(document, path, method, node) for path, method, node in operations(document)]


def _compared(one: Placed, other: Placed) -> Iterator[Change]:
    if not one.node.get("deprecated") and other.node.get("deprecated"):
        yield Change("operation-deprecated", "info", SEND, "", "it is deprecated now")
    yield from _parameters(one, other)
    yield from _bodies(one, other)
    yield from _answers(one, other)


def _named(placed: Placed) -> dict[tuple[str, str], Node]:
    listed = [*placed.document["paths"][placed.path].get("parameters", []), *placed.node.get("parameters", [])]
    nodes = [placed.at(each) for each in listed]
    return {(node["in"], str(index) if node["in"] == "path" else node["name"]): node for index, node in _paths(nodes)}


def _paths(nodes: list[Node]) -> Iterator[tuple[int, Node]]:
    """Parameters of the path by their number: a client does not see their names."""
    number = 0
    for node in nodes:
        yield number, node
        number += node["in"] == "path"


def _parameters(one: Placed, other: Placed) -> Iterator[Change]:
    before, after = _named(one), _named(other)
    for key, node in before.items():
        if key not in after:
            yield Change("parameter-removed", "warning", SEND, _place(node), "the parameter is gone")
    for key, node in after.items():
        earlier = before.get(key)
        if earlier is None:
            required = bool(node.get("required"))
            rule = "required-parameter-added" if required else "parameter-added"
            text = "a new parameter, which is required" if required else "a new parameter"
            yield Change(rule, "breaking" if required else "info", SEND, _place(node), text)
            continue
        if bool(earlier.get("required")) != bool(node.get("required")):
            now = bool(node.get("required"))
            rule, word = (
                ("parameter-became-required", "is required")
                if now
                else ("parameter-became-optional", "may be left out")
            )
            text = f"the parameter {word} now"
            yield Change(rule, "breaking" if now else "info", SEND, _place(node), text)
        schemas = Schemas("request", one.document, other.document, _place(node))
        yield from schemas.changes(earlier.get("schema", {}), node.get("schema", {}))


def _place(parameter: Node) -> str:
    return f"{parameter['in']} parameter {parameter['name']}"


def _bodies(one: Placed, other: Placed) -> Iterator[Change]:
    before, after = (each.at(each.node.get("requestBody", {})) for each in (one, other))
    where = "request body"
    if before and not after:
        yield Change("request-body-removed", "breaking", SEND, where, "there is no body any more")
        return
    if after.get("required") and not before.get("required"):
        yield Change("request-body-became-required", "breaking", SEND, where, "the body is required now")
    elif before.get("required") and not after.get("required"):
        yield Change("request-body-became-optional", "info", SEND, where, "the body may be left out now")
    schemas = Schemas("request", one.document, other.document, where)
    yield from _media(before.get("content", {}), after.get("content", {}), schemas, SEND)


def _media(before: Node, after: Node, schemas: Schemas, affects: str) -> Iterator[Change]:
    for media_type, media in before.items():
        if media_type not in after:
            text = f"{media_type} is gone"
            yield Change(f"{schemas.side}-media-type-removed", "breaking", affects, schemas.place, text)
            continue
        for key in ("schema", ITEM_SCHEMA, "itemSchema"):
            if key in media or key in after[media_type]:
                yield from schemas.changes(media.get(key, {}), after[media_type].get(key, {}))
    for media_type in after:
        if media_type not in before and before:
            text = f"{media_type} is new"
            yield Change(f"{schemas.side}-media-type-added", "info", affects, schemas.place, text)


def _answers(one: Placed, other: Placed) -> Iterator[Change]:
    before, after = one.node.get("responses", {}), other.node.get("responses", {})
    for status in before:
        if status not in after:
            success = status.startswith("2")
            rule = "success-status-removed" if success else "status-removed"
            level = "breaking" if success else "warning"
            yield Change(rule, level, READ, f"answer {status}", "the status is gone")  # type: ignore[arg-type]
    for status, node in after.items():
        where = f"answer {status}"
        if status not in before:
            yield Change("status-added", "info", READ, where, "a new status")
            continue
        earlier, now = one.at(before[status]), other.at(node)
        schemas = Schemas("response", one.document, other.document, where)
        yield from _media(earlier.get("content", {}), now.get("content", {}), schemas, READ)
        for name, header in earlier.get("headers", {}).items():
            if name not in now.get("headers", {}):
                required = bool(one.at(header).get("required"))
                rule = "required-header-removed" if required else "header-removed"
                yield Change(rule, "breaking" if required else "warning", READ, where, f"the header {name} is gone")
        for name in now.get("headers", {}):
            if name not in earlier.get("headers", {}):
                yield Change("header-added", "info", READ, where, f"the header {name} is new")
