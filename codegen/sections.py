"""The reference has a section for each operation: what a client sends, what it gets, and an example of both."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codegen.document import FORM, HTML, ITEM_SCHEMA, JSON, SSE, Document, followed
from codegen.facade import Method
from codegen.members import Member, member, members, named_in, type_of
from codegen.snippets import Request, as_json, curl, javascript, python
from codegen.table import Operation

USUAL = 5
"""A status or a header that so many operations describe in the same words is described once for all of them."""
SHARED = 5
"""So many fields that an earlier operation has too are not shown again."""
MOST_LINES = 13
"""Lines of an answer that are shown."""
_PLACES = (("path", "Path"), ("query", "Query"), ("header", "Headers"))
Said = tuple[str, str]
"""A status or the name of a header, and its description."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One status of an operation."""

    status: int
    text: str
    type: str
    headers: tuple[Member, ...]
    content: Member | None
    """None if nothing is known of it."""


@dataclass(frozen=True, slots=True)
class Body:
    """What an operation takes in its body."""

    text: str
    type: str
    fields: list[Member]
    named: list[str]
    """Names of the objects that are its entries."""
    same: Operation | None
    """The earlier operation whose body has all its other fields."""


@dataclass(frozen=True, slots=True)
class Section:
    """One operation."""

    operation: Operation
    text: str
    parameters: dict[str, list[Member]]
    """By place: `Path`, `Query`, `Headers`."""
    body: Body | None
    answers: list[Answer]
    usual: list[str]
    """Statuses and headers that are described once for all operations."""
    request: Request
    """The example."""
    snippets: dict[str, str]
    """The example by language."""
    status: int
    answer: str
    """The captured answer; empty if there is nothing to show."""
    is_empty: bool
    """Whether the answer has no body."""


def read_sections(
    document: Document, operations: list[Operation], methods: dict[str, tuple[str, Method]], exchanges: dict[str, Any]
) -> list[Section]:
    """One for each operation, in the order in which they are read; `methods` are those of the client."""
    usual = usual_answers(document)
    shown: list[tuple[Operation, list[Member]]] = []
    found = []
    for operation in sorted(operations, key=_reading_order):
        node = document["paths"][operation.path][operation.method.lower()]
        body = _body(document, node, shown)
        request = _request(operation, document, node, exchanges.get(operation.name))
        answer = exchanges.get(operation.name, {}).get("answer", {"status": operation.status, "left_out": True})
        is_empty = operation.media_type is None or not answer.keys() & {"body", "events", "left_out"}
        found.append(
            Section(
                operation=operation,
                text=str(node.get("description", "")),
                parameters=_parameters(document, operation, node),
                body=body,
                answers=sorted(_answers(document, node, usual), key=lambda each: each.status),
                usual=_described_once(document, node, usual),
                request=request,
                snippets={
                    "curl": curl(operation, request),
                    "Python": python(*methods[operation.name], request),
                    "JavaScript": javascript(operation, request, is_empty=is_empty),
                },
                status=answer["status"],
                answer=_shown(answer),
                is_empty=is_empty,
            )
        )
        if body is not None and body.same is None:
            shown.append((operation, body.fields))
    return found


def _reading_order(operation: Operation) -> tuple[int, str, int]:
    """Short paths first; on one path, creating before reading, and deleting last."""
    order = ("POST", "PUT", "GET", "PATCH", "DELETE")
    method = order.index(operation.method) if operation.method in order else len(order)
    return operation.path.count("{"), operation.path, method


def usual_answers(document: Document) -> list[Said]:
    """The statuses of failures and the headers that many operations describe in the same words."""
    nodes = [node for item in document["paths"].values() for node in item.values()]
    found = Counter(said for node in nodes for said in set(_said(document, node)))
    return sorted(said for said, count in found.items() if count >= USUAL)


def _said(document: Document, node: Any) -> Iterator[Said]:
    for status, found in node.get("responses", {}).items():
        response = followed(document, found)
        if status.isdecimal() and int(status) >= 400:
            yield status, str(response.get("description", ""))
        for name, header in response.get("headers", {}).items():
            yield name, str(followed(document, header).get("description", ""))


def _described_once(document: Document, node: Any, usual: list[Said]) -> list[str]:
    """Statuses of failures, and the headers of other answers."""
    kept = {status: found for status, found in node["responses"].items() if status.isdecimal() and int(status) < 400}
    headers = [name for name, _ in _said(document, {"responses": kept})]
    return list(
        dict.fromkeys(
            name
            for name, text in sorted(_said(document, node))
            if (name, text) in usual and (name.isdecimal() or name in headers)
        )
    )


def _body_schema(document: Document, node: Any) -> Any:
    """The schema of its body; empty without one."""
    content = followed(document, node.get("requestBody", {})).get("content", {})
    return next((content[kind].get("schema", {}) for kind in (JSON, FORM) if kind in content), {})


def _body(document: Document, node: Any, shown: list[tuple[Operation, list[Member]]]) -> Body | None:
    schema = _body_schema(document, node)
    if not schema:
        return None
    text, type_ = str(followed(document, schema).get("description", "")), type_of(document, schema)
    own, named = members(document, schema), named_in(document, schema)
    entries = [each for name in named for each in members(document, document["components"]["schemas"][name])]
    for operation, earlier in shown:
        if len(earlier) >= SHARED and all(field in (own or entries) for field in earlier):
            return Body(text, type_, [field for field in own if field not in earlier], [], operation)
    fields = own or list(member(document, "", schema).inside)
    return Body(text, type_, fields, [] if own else named, None)


def _request(operation: Operation, document: Document, node: Any, exchange: Any) -> Request:
    """That of the captured exchange; without one, what the operation needs, by name."""
    if exchange:
        return Request(**exchange["request"])
    needed: dict[str, dict[str, Any]] = {"path": {}, "query": {}, "header": {}}
    for parameter in operation.parameters:
        if parameter.required:
            needed[parameter.location][parameter.name] = parameter.name.upper()
    schema = _body_schema(document, node)
    body = {each.name: each.name.upper() for each in members(document, schema) if each.required}
    return Request(needed["path"], needed["query"], needed["header"], None if operation.body is None else body)


def _parameters(document: Document, operation: Operation, node: Any) -> dict[str, list[Member]]:
    nodes = [*document["paths"][operation.path].get("parameters", []), *node.get("parameters", [])]
    by_place: dict[str, dict[str, Member]] = {}
    for each in (followed(document, part) for part in nodes):
        schema = each.get("schema", {})
        text = each.get("description") or schema.get("description", "")
        row = member(document, each["name"], schema, required=bool(each.get("required")), text=text)
        by_place.setdefault(each["in"], {})[each["name"]] = row
    return {title: list(by_place[place].values()) for place, title in _PLACES if place in by_place}


def _answers(document: Document, node: Any, usual: list[Said]) -> Iterator[Answer]:
    """The answers of the operation, without those that are described once for all operations."""
    for status, found in node["responses"].items():
        response = followed(document, found)
        text = str(response.get("description", ""))
        if not status.isdecimal() or (status, text) in usual:
            continue
        if int(status) >= 400:
            yield Answer(int(status), text, "", (), None)
            continue
        content = response.get("content", {})
        media: Any = next((content[kind] for kind in (JSON, SSE, HTML) if kind in content), {})
        schema = media.get(ITEM_SCHEMA) or media.get("schema", {})
        kind = type_of(document, schema) if schema else ""
        headers = [each for each in _headers(document, response) if (each.name, each.text) not in usual]
        yield Answer(
            status=int(status),
            text=text,
            type=f"stream of {kind}" if SSE in content and kind else kind,
            headers=tuple(headers),
            content=member(document, "", schema) if schema else None,
        )


def _headers(document: Document, response: Any) -> Iterator[Member]:
    for name, found in response.get("headers", {}).items():
        header = followed(document, found)
        yield member(document, name, header.get("schema", {}), text=str(header.get("description", "")))


def _shown(answer: Any) -> str:
    """The captured answer as it came, laid out for reading; its end is left out if it is long."""
    if "events" in answer:
        text = "\n\n".join("\n".join(_event(event)) for event in answer["events"])
    elif "body" in answer:
        text = as_json(answer["body"])
    else:
        return ""
    lines = text.split("\n")
    return text if len(lines) <= MOST_LINES else "\n".join([*lines[: MOST_LINES - 2], "…"])


def _event(event: Any) -> Iterator[str]:
    yield f"event: {event['event']}"
    yield f"data: {json.dumps(event['data'], ensure_ascii=False, separators=(',', ':'))}"
    if "id" in event:
        yield f"id: {event['id']}"
