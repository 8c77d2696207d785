"""From the vendored contract to the served document: load, overlay, select, repair, validate."""

from __future__ import annotations

import copy
import json
import keyword
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from codegen import overlay
from codegen.document import METHODS, Document, Pointer, Schema, join, operations, reachable, rewrite_all
from codegen.errors import CodegenError
from codegen.rules import REPAIRS, Firing, apply

Scope = dict[str, str]

# Names that the generated table uses itself.
_TAKEN = frozenset({*keyword.kwlist, "models", "results", "field", "dataclass"})


LeftOut = dict[str, dict[str, tuple[str, str]]]
"""Operations that are not in scope, by tag and id: method and path."""


@dataclass(frozen=True, slots=True)
class Served:
    """The served document, and the decisions that led to it."""

    document: Document
    library: dict[str, Schema]
    """All schemas of the contract, in scope or not."""
    scope: Scope
    actions: list[overlay.Action]
    left_out: LeftOut
    repairs: list[Firing]


def serve(contract_path: Path, overlay_path: Path, scope_path: Path) -> Served:
    """The document that the server publishes and validates requests against."""
    contract = load_contract(contract_path)
    scope = load_scope(scope_path)
    actions = overlay.load(overlay_path)
    # Before the overlay, so that a fault of the contract is reported with the contract's name.
    _operation_ids(contract, contract_path.name)
    document = overlay.apply(contract, actions)
    repairs: list[Firing] = []
    rewrite_all(document, apply(REPAIRS, document, repairs))
    library = dict(document.get("components", {}).get("schemas", {}))
    left_out = select(document, scope)
    validate(document)
    here = [firing for firing in repairs if _is_in(document, firing.pointer)]
    return Served(document, library, scope, actions, left_out, here)


def load_contract(path: Path) -> Document:
    """The vendored document."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CodegenError(f"{path.name}: {error}") from None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3.1"):
        raise CodegenError(f"{path.name}: not an OpenAPI 3.1 document")
    return document


def load_scope(path: Path) -> Scope:
    """Operation id -> short name."""
    try:
        scope: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["operations"]
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CodegenError(f"{path.name}: {error}") from None
    except KeyError:
        raise CodegenError(f"{path.name}: has no [operations]") from None
    owners: dict[str, str] = {}
    for operation_id, name in scope.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or name in _TAKEN:
            raise CodegenError(f"{path.name}: {operation_id}: {name!r} is no usable name; write verb_noun")
        if owner := owners.get(name):
            raise CodegenError(f"{path.name}: operations {owner} and {operation_id} are both called {name}")
        owners[name] = operation_id
    return scope


def _operation_ids(document: Document, source: str) -> dict[str, str]:
    """Operation id -> `METHOD path`. A missing or repeated id is an error."""
    found: dict[str, str] = {}
    for path, method, operation in operations(document):
        place = f"{method.upper()} {path}"
        operation_id = operation.get("operationId")
        if not operation_id:
            raise CodegenError(f"{source}: {place} has no operationId; give it one in overlay.yaml or in the document")
        if operation_id in found:
            raise CodegenError(f"{source}: {found[operation_id]} and {place} have the same operationId {operation_id}")
        found[operation_id] = place
    return found


def select(document: Document, scope: Scope) -> LeftOut:
    """Keep only the operations in scope and the parts that they reach; returns the others."""
    found = _operation_ids(document, "the contract with its overlay")
    if stale := [operation_id for operation_id in scope if operation_id not in found]:
        line = f'{stale[0]} = "{scope[stale[0]]}"'
        raise CodegenError(f"scope.toml: the contract has no operation {stale[0]}; correct or drop the line {line}")
    left_out: LeftOut = {}
    for path, method, operation in list(operations(document)):
        if operation["operationId"] not in scope:
            left_out.setdefault(tag_of(operation), {})[operation["operationId"]] = (method.upper(), path)
            del document["paths"][path][method]
    for path, item in list(document["paths"].items()):
        if not any(method in item for method in METHODS):
            del document["paths"][path]
    # Only the running server knows its address.
    document.pop("servers", None)
    for node in (*document["paths"].values(), *(operation for _, _, operation in operations(document))):
        node.pop("servers", None)
    _drop_dead_links(document, scope)
    _prune(document)
    return left_out


def _is_in(document: Document, pointer: Pointer) -> bool:
    node: Any = document
    for part in pointer[:3]:
        if part not in node:
            return False
        node = node[part]
    return True


def tag_of(operation: dict[str, Any]) -> str:
    """The tag that an operation is filed under."""
    return str(next(iter(operation.get("tags", [])), "default"))


def _drop_dead_links(document: Document, scope: Scope) -> None:
    for _, _, operation in operations(document):
        for response in operation["responses"].values():
            links = {name: link for name, link in response.get("links", {}).items() if link.get("operationId") in scope}
            if links:
                response["links"] = links
            else:
                response.pop("links", None)


def _prune(document: Document) -> None:
    kept = reachable(document, document["paths"])
    components = document.get("components", {})
    for kind in list(components):
        # Security schemes are referred to by name, not by $ref.
        if kind != "securitySchemes":
            components[kind] = {
                name: node for name, node in components[kind].items() if ("components", kind, name) in kept
            }
        if not components[kind]:
            del components[kind]
    used = {tag for _, _, operation in operations(document) for tag in operation.get("tags", [])}
    document["tags"] = [tag for tag in document.get("tags", []) if tag["name"] in used]


def validate(document: Document) -> None:
    """Fail unless the document is valid OpenAPI 3.1."""
    for error in OpenAPIV31SpecValidator(copy.deepcopy(document)).iter_errors():
        pointer: Pointer = tuple(str(part) for part in getattr(error, "absolute_path", ()))
        line = str(getattr(error, "message", error)).splitlines()[0]
        raise CodegenError(f"served document, {join(pointer)}: {line[:200]}")
