"""The views of the served document that the generators read; they never reach the server or a verdict."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Literal

from codegen.document import (
    FORM,
    HTML,
    ITEM_SCHEMA,
    JSON,
    SSE,
    Document,
    Pointer,
    followed,
    operations,
    reachable,
    rewrite_all,
)
from codegen.hoisting import hoist_inline, hoist_operations
from codegen.rules import BODY, CLIENT, PAGES, RESULT, SHARED, Firing, Rule, apply
from codegen.spec import Served


@dataclass(frozen=True, slots=True)
class View:
    """A normalised document and the log of the changes that made it."""

    name: str
    document: Document
    log: list[Firing] = field(default_factory=list)


def body_view(served: Served) -> View:
    """The schemas of request bodies, for the Pydantic models."""
    document = _copy(served)
    for _, _, operation in operations(document):
        for key in set(operation) - {"operationId", "requestBody"}:
            del operation[key]
        operation["responses"] = {}
    return _normalised("request models", document, ("requestBody",), BODY)


def result_view(served: Served) -> View:
    """The schemas of successful responses, for the TypedDicts that handlers build."""
    return _results("response types", served, RESULT)


def answer_view(served: Served) -> View:
    """The same schemas with the formats of texts, for the classes that the client makes of answers."""
    return _results("client results", served, RESULT[1:])


def _results(name: str, served: Served, rules: tuple[Rule, ...]) -> View:
    document = _copy(served)
    for _, _, operation in operations(document):
        for key in set(operation) - {"operationId", "responses"}:
            del operation[key]
        for status, node in operation["responses"].items():
            response = followed(document, node)
            content = copy.deepcopy(response.get("content", {})) if status.startswith("2") else {}
            operation["responses"][status] = {"content": content}
    return _normalised(name, document, ("responses",), rules)


def client_view(served: Served) -> View:
    """The document that the client generator reads."""
    document = _copy(served)
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            _plain(response)
    for response in document["components"].get("responses", {}).values():
        _plain(response)
    return _normalised("client", document, ("requestBody", "responses"), CLIENT, enums=True)


def _copy(served: Served) -> Document:
    document = copy.deepcopy(served.document)
    # Schemas out of scope take part when names are chosen, so that a larger scope changes no name.
    document.setdefault("components", {})["schemas"] = copy.deepcopy(served.library)
    for _, _, operation in operations(document):
        operation["operationId"] = served.scope[operation["operationId"]]
    return document


def _normalised(
    name: str,
    document: Document,
    named: tuple[Literal["requestBody", "responses"], ...],
    rules: tuple[Rule, ...],
    *,
    enums: bool = False,
) -> View:
    view = View(name, document)
    log: list[Firing] = []
    leave_out_pages(document, log)
    # Before the limits are dropped: only a `contentSchema` refers to RunStarted.
    known = reachable(document, document["paths"])
    for part in named:
        hoist_operations(document, part, log)
    rewrite_all(document, apply(SHARED, document, log))
    rewrite_all(document, apply(rules, document, log))
    hoist_inline(document, log, enums=enums)
    kept = known | reachable(document, document["paths"])
    prune(document, kept)
    view.log.extend(firing for firing in log if concerns(firing, kept))
    return view


def leave_out_pages(document: Document, log: list[Firing]) -> None:
    """Drop forms and pages beside JSON, and redirects to pages."""
    for path, method, operation in operations(document):
        base: Pointer = ("paths", path, method)
        responses = operation.get("responses", {})
        for status in [status for status in responses if status.startswith("3")]:
            if list(responses[status].get("content", {})) == [HTML]:
                del responses[status]
                log.append(Firing(PAGES, (*base, "responses", status)))
        parts: dict[Pointer, Any] = {("responses", status): node for status, node in responses.items()}
        parts["requestBody",] = operation.get("requestBody", {})
        for place, node in parts.items():
            content = node.get("content", {})
            for media_type in {FORM, HTML} & set(content) if JSON in content else ():
                del content[media_type]
                log.append(Firing(PAGES, (*base, *place, "content", media_type)))


def concerns(firing: Firing, kept: set[Pointer]) -> bool:
    """Whether the place is in an operation or in a component that was kept."""
    return firing.pointer[0] == "paths" or firing.pointer[:3] in kept


def prune(document: Document, kept: set[Pointer]) -> None:
    """Drop the components that were not kept, and sort the others: their order in the contract means nothing."""
    for kind, nodes in document["components"].items():
        document["components"][kind] = {
            name: nodes[name] for name in sorted(nodes) if ("components", kind, name) in kept
        }


def _plain(response: dict[str, Any]) -> None:
    """Drop links and event schemas: the client has its own runtime for streams."""
    response.pop("links", None)
    for media_type, media in response.get("content", {}).items():
        media.pop(ITEM_SCHEMA, None)
        if media_type == SSE:
            media["schema"] = {"type": "string"}
