"""From the vendored contract to the served document: load, overlay, select, repair, validate."""

from __future__ import annotations

import copy
import difflib
import json
import keyword
import re
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from codegen import handled as reading
from codegen import overlay, prose
from codegen.document import METHODS, Document, Pointer, Schema, join, operations, reachable, rewrite_all
from codegen.errors import CodegenError, stop_at
from codegen.linking import link
from codegen.rules import REPAIRS, Firing, apply
from codegen.structure import Edition, edition

Scope = dict[str, str]

# Names that the generated table uses itself.
_TAKEN = frozenset({*keyword.kwlist, "models", "results", "field", "dataclass"})


LeftOut = dict[str, dict[str, tuple[str, str]]]
"""Operations that are not in scope, by tag and id: method and path."""


ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Inputs:
    """All that the output depends on."""

    contract: Path = ROOT / "agent-server-openapi.json"
    overlay: Path = ROOT / "codegen" / "overlay.yaml"
    scope: Path = ROOT / "codegen" / "scope.toml"
    prose: Path = ROOT / "codegen" / "prose.yaml"
    fields: Path = ROOT / "codegen" / "fields.toml"
    editions: Path = ROOT / "codegen" / "editions.toml"
    allow_missing: bool = False
    """Whether an operation of the scope that the edition lacks is left unserved."""


@dataclass(frozen=True, slots=True)
class Missing:
    """An operation of the scope that the edition does not have."""

    name: str
    operation_id: str
    at: str
    """Where the vendored edition has it: `GET /ok`."""


@dataclass(frozen=True, slots=True)
class Served:
    """The served document, and the decisions that led to it."""

    document: Document
    library: dict[str, Schema]
    """All schemas of the contract, in scope or not."""
    scope: Scope
    """Of the operations that the edition has."""
    attributes: dict[str, str]
    """Tag -> attribute of the client, where the tag's own name would not do."""
    actions: list[overlay.Action]
    left_out: LeftOut
    repairs: list[Firing]
    title: str
    """Title and version of the contract, before the overlay gave it the server's own."""
    edition: Edition
    missing: list[Missing]
    skipped: list[overlay.Action]
    """Corrections of what the edition does not have."""
    settled: reading.Settled
    wanting: list[Pointer]
    """Places with words of the edition, for which there are none of ours."""


def serve(inputs: Inputs) -> Served:
    """The document that the server publishes and validates requests against."""
    contract = load_contract(inputs.contract)
    wanted = load_scope(inputs.scope)
    actions = overlay.load(inputs.overlay)
    handled = reading.load(inputs.fields)
    # Before the overlay, so that a fault of the contract is reported with the contract's name.
    _operation_ids(contract, inputs.contract.name)
    found = edition(contract, inputs.editions)
    laid = prose.lay(contract, prose.load(inputs.prose))
    applied = overlay.apply(laid.document, actions, vendored=found.vendored)
    document = applied.document
    here = _operation_ids(document, "the contract with its overlay")
    missing = [
        Missing(name, operation_id, handled[name].at if name in handled else "")
        for operation_id, name in wanted.items()
        if operation_id not in here
    ]
    lost = [f"{inputs.prose.name}: {pointer} leads nowhere in the vendored contract" for pointer in laid.unused]
    complaints = (lost if found.vendored else []) + applied.complaints + _moved(applied, wanted, handled, here)
    if missing and not inputs.allow_missing:
        complaints.append(_missing(missing, here, wanted, inputs.scope.name))
    scope = {operation_id: name for operation_id, name in wanted.items() if operation_id in here}
    repairs: list[Firing] = []
    try:
        rewrite_all(document, apply(REPAIRS, document, repairs))
        library = dict(document.get("components", {}).get("schemas", {}))
        left_out = select(document, scope)
        validate(document)
        settled = reading.settle(document, scope, handled)
    except CodegenError:
        stop_at(complaints)  # of which this is a consequence
        raise
    stop_at([*complaints, *settled.complaints])
    return Served(
        document=document,
        library=library,
        scope=scope,
        attributes=load_attributes(inputs.scope),
        actions=actions,
        left_out=left_out,
        repairs=[firing for firing in repairs if _is_in(document, firing.pointer)],
        title=f"{contract.get('info', {}).get('title')} {contract.get('info', {}).get('version')}",
        edition=found,
        missing=missing,
        skipped=applied.skipped,
        settled=settled,
        wanting=[pointer for pointer in laid.wanting if _is_in(document, pointer)],
    )


def _missing(missing: list[Missing], here: dict[str, str], wanted: Scope, scope: str) -> str:
    """One line for all operations that the edition lacks, with the ids that it may have in their places."""
    named = []
    for each in missing:
        now = next((other for other, place in here.items() if place == each.at), None)
        near = difflib.get_close_matches(each.operation_id, here.keys() - wanted.keys(), 1, 0.8) if now is None else []
        hint = f", now called {now}" if now else f", perhaps {near[0]} ({here[near[0]]})" if near else ""
        named.append(f"{each.name} ({each.at or each.operation_id}{hint})")
    return (
        f"{scope}: this edition has no operation {', '.join(named)}; correct the ids, or leave these operations "
        "unserved with ALLOW_MISSING=1"
    )


def _moved(
    applied: overlay.Applied, scope: Scope, handled: dict[str, reading.Handled], here: dict[str, str]
) -> list[str]:
    """One line for each operation whose place is named by actions of the overlay and is another in this edition."""
    ids = {name: operation_id for operation_id, name in scope.items()}
    names = {each.at: name for name, each in handled.items()}
    lines = []
    for place, actions in applied.homeless.items():
        operation_id = ids.get(names.get(place, ""), "")
        where = f"overlay.yaml:{', '.join(str(action.line) for action in actions)}"
        if operation_id in here:
            lines.append(f"{where}: {place} has moved to {here[operation_id]} ({operation_id}); change the targets")
        elif not operation_id:
            lines.append(f"{where}: this edition has no {place}, and scope.toml names no operation there; correct it")
    return lines


def load_contract(path: Path) -> Document:
    """The contract: OpenAPI 3.1, which the generators read."""
    document = load_document(path)
    if not str(document["openapi"]).startswith("3.1"):
        raise CodegenError(f"{path.name}: not an OpenAPI 3.1 document")
    return document


def load_document(path: Path) -> Document:
    """Any OpenAPI 3 document."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CodegenError(f"{path.name}: {error}") from None
    if not isinstance(document, dict) or not str(document.get("openapi", "")).startswith("3."):
        raise CodegenError(f"{path.name}: not an OpenAPI 3 document")
    if not isinstance(document.get("paths"), dict):
        raise CodegenError(f"{path.name}: has no paths")
    return document


def load_scope(path: Path) -> Scope:
    """Operation id -> short name."""
    try:
        scope: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))["operations"]
    except (OSError, tomllib.TOMLDecodeError) as error:
        raise CodegenError(f"{path.name}: {error}") from None
    except KeyError:
        raise CodegenError(f"{path.name}: has no [operations]") from None
    complaints = []
    owners: dict[str, str] = {}
    for operation_id, name in scope.items():
        if not isinstance(name, str) or not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name) or name in _TAKEN:
            complaints.append(f"{path.name}: {operation_id}: {name!r} is no usable name; write verb_noun")
        elif owner := owners.get(name):
            complaints.append(f"{path.name}: operations {owner} and {operation_id} are both called {name}")
        else:
            owners[name] = operation_id
    stop_at(complaints)
    return scope


def load_attributes(path: Path) -> dict[str, str]:
    """Tag -> attribute of the client."""
    attributes: dict[str, str] = tomllib.loads(path.read_text(encoding="utf-8")).get("attributes", {})
    for tag, name in attributes.items():
        if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name) or name.startswith("_"):
            raise CodegenError(f"{path.name}: {tag}: {name!r} is no usable attribute")
    return attributes


def _operation_ids(document: Document, source: str) -> dict[str, str]:
    """Operation id -> `METHOD path`. A missing or repeated id is an error."""
    found: dict[str, str] = {}
    complaints = []
    for path, method, operation in operations(document):
        place = f"{method.upper()} {path}"
        operation_id = operation.get("operationId")
        if not operation_id:
            complaints.append(f"{source}: {place} has no operationId; give it one in the document")
        elif operation_id in found:
            complaints.append(f"{source}: {found[operation_id]} and {place} have the same operationId {operation_id}")
        else:
            found[operation_id] = place
    stop_at(complaints)
    return found


def select(document: Document, scope: Scope) -> LeftOut:
    """Keep only the operations in scope and the parts that they reach; returns the others."""
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
    link(document, scope)
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
