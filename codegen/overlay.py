"""Additions and corrections to the contract: `overlay.yaml`, applied by oas-patch.

Beside the specification's `update` and `remove` there is `x-default`, which sets only keys that a place does not have:
one such action describes many places of the same shape, and a place with a description of its own keeps it. And there
is `x-corrects`, which marks the actions that an edition without their target does not need.
"""

from __future__ import annotations

import copy
import re
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from jsonpath_ng import JSONPath
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import parse
from oas_patch.overlay import apply_overlay  # type: ignore[import-untyped]

from codegen.document import METHODS, Document, Pointer, exists, references, split
from codegen.errors import CodegenError, stop_at

_KEYS = frozenset({"target", "description", "update", "x-default", "remove", "x-corrects"})


@dataclass(frozen=True, slots=True)
class Action:
    """One entry of the overlay, with the reason that its author gives."""

    number: int
    line: int
    """Where it begins in the file."""
    target: str
    reason: str
    update: Any = None
    default: dict[str, Any] | None = None
    remove: bool = False
    corrects: bool = False
    """Whether it changes what the contract has, and is not needed where an edition does not have it."""

    @property
    def place(self) -> str:
        """How messages name the action."""
        return f"overlay.yaml:{self.line} ({self.target})"

    @property
    def operation(self) -> str | None:
        """The one operation that the target is in, as `POST /runs`; None if it is elsewhere, or in several."""
        found = re.match(r"\$\.paths\['([^']+)'\]\.(\w+)", self.target)
        return f"{found[2].upper()} {found[1]}" if found and found[2] in METHODS else None


@dataclass(slots=True)
class Applied:
    """The contract with the overlay, and the actions that were not applied."""

    document: Document
    skipped: list[Action] = field(default_factory=list)
    """Corrections of what the edition does not have."""
    homeless: dict[str, list[Action]] = field(default_factory=dict)
    """By operation: actions in an operation that is not at its place in this edition."""
    complaints: list[str] = field(default_factory=list)


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader in C, where PyYAML has it: it takes a tenth of the time."""


def load(path: Path) -> list[Action]:
    """The actions of the overlay file, in order."""
    try:
        loader = LOADER(path.read_text(encoding="utf-8"))
        root = loader.get_single_node()
        overlay = loader.construct_document(root) if root is not None else None
    except (OSError, yaml.YAMLError) as error:
        raise CodegenError(f"{path.name}: {' '.join(str(error).split())}") from None
    if not isinstance(overlay, dict) or overlay.get("overlay") != "1.0.0":
        raise CodegenError(f"{path.name}: not an OpenAPI Overlay 1.0.0 document")
    lines = [
        entry.start_mark.line + 1
        for key, value in getattr(root, "value", ())
        if key.value == "actions"
        for entry in value.value
    ]
    actions, complaints = [], []
    for number, (line, entry) in enumerate(zip(lines, overlay.get("actions", []), strict=True), 1):
        action = _action(number, line, entry)
        complaints += _faults(action, entry)
        actions.append(action)
    stop_at(complaints)
    return actions


def _action(number: int, line: int, entry: dict[str, Any]) -> Action:
    remove = entry.get("remove", False)
    return Action(
        number=number,
        line=line,
        target=str(entry.get("target", "")),
        reason=" ".join(str(entry.get("description", "")).split()),
        update=entry.get("update"),
        default=entry.get("x-default"),
        remove=remove,
        corrects=bool(remove) or entry.get("x-corrects", False),
    )


@cache
def _path_of(target: str) -> JSONPath:
    """The parsed target: the parser takes longer than all else here, and each target is read twice."""
    path: JSONPath = parse(target)
    return path


def _faults(action: Action, entry: dict[str, Any]) -> list[str]:
    found = [f"{action.place}: unknown key {key!r}" for key in sorted(set(entry) - _KEYS)]
    if not action.reason:
        found.append(f"{action.place}: `description` must say why the action is needed")
    if ("update" in entry) + ("x-default" in entry) + bool(action.remove) != 1:
        found.append(f"{action.place}: needs either `update`, `x-default` or `remove: true`")
    try:
        _path_of(action.target)
    except (JSONPathError, ValueError, TypeError) as error:
        found.append(f"{action.place}: not a JSONPath: {' '.join(str(error).split())}")
    return found


def apply(contract: Document, actions: list[Action], *, vendored: bool) -> Applied:
    """The contract with the actions applied. In the vendored edition each of them has to match."""
    applied = Applied(copy.deepcopy(contract))
    for action in actions:
        _make_room(applied.document, action)
        matches = [match.value for match in _path_of(action.target).find(applied.document)]
        if not matches:
            # oas-patch 0.6 passes over such an action in silence, and an addition would be lost.
            _leave_out(action, applied, vendored)
        elif fault := _fault(matches, action):
            applied.complaints.append(f"{action.place}: {fault}")
        else:
            applied.document = _changed(applied.document, action, matches)
    applied.complaints += _dead_references(applied.document, actions)
    return applied


def _make_room(document: Document, action: Action) -> None:
    """An operation without parameters may have no list of them."""
    if action.operation and action.target.endswith(".parameters") and _has(document, action.operation):
        method, _, path = action.operation.partition(" ")
        document["paths"][path][method.lower()].setdefault("parameters", [])


def _leave_out(action: Action, applied: Applied, vendored: bool) -> None:
    if vendored:
        applied.complaints.append(
            f"{action.place}: matches nothing in the vendored contract; correct or drop it ({action.reason})"
        )
    elif action.operation and not _has(applied.document, action.operation):
        applied.homeless.setdefault(action.operation, []).append(action)
    elif action.corrects:
        applied.skipped.append(action)
    else:
        applied.complaints.append(
            f"{action.place}: this edition has no such place, and Treadle serves what is added there; "
            f"give the action the place that it has here ({action.reason})"
        )


def _has(document: Document, operation: str) -> bool:
    method, _, path = operation.partition(" ")
    return method.lower() in document["paths"].get(path, {})


def _changed(document: Document, action: Action, matches: list[Any]) -> Document:
    if action.default is not None:
        for match in matches:
            match.update({key: apart(value) for key, value in action.default.items() if key not in match})
        return document
    change = {"remove": True} if action.remove else {"update": apart(action.update)}
    apply_overlay(document, {"actions": [{"target": action.target, **change}]})
    return apart(document) if len(matches) > 1 else document


def apart(node: Any) -> Any:
    """A copy without shared objects. YAML's aliases share an object, and so do several matches: a later action on one
    place would change all of them.
    """
    if isinstance(node, dict):
        return {key: apart(value) for key, value in node.items()}
    return [apart(item) for item in node] if isinstance(node, list) else node


def _fault(matches: list[Any], action: Action) -> str | None:
    """Why the action cannot be applied where it matches. To merge two schemas or operations would spoil both."""
    target = matches[0]
    update = action.update if action.default is None else action.default
    if not action.remove and any(type(match) is not type(update) for match in matches):
        return f"the contract has a {type(target).__name__} there, and the action sets a {type(update).__name__}"
    taken: list[str] = []
    if action.target == "$.components.schemas" and action.default is None:
        taken = sorted(set(target) & set(update))
    elif action.target == "$.paths":
        taken = sorted(
            f"{method.upper()} {path}"
            for path, item in update.items()
            for method in set(item) & set(target.get(path, {})) & set(METHODS)
        )
    elif action.target.endswith(".parameters") and action.default is None:
        added: Any = update
        there = {(each.get("in"), each.get("name")) for each in target}
        taken = [f"the parameter {each['name']}" for each in added if (each["in"], each["name"]) in there]
    return f"{taken[0]} is in the contract by now; decide which of the two to serve" if taken else None


def _dead_references(document: Document, actions: list[Action]) -> list[str]:
    """One line for each action that refers to a component which neither the contract nor the overlay has."""
    dead: dict[str, Pointer] = {}
    for reference in references(document):
        if reference.startswith("#/") and not exists(document, split(reference)):
            dead[reference] = split(reference)
    return [
        f"{action.place}: refers to {pointer[-1]}, which this edition does not have; give it the name that it has here"
        for reference, pointer in dead.items()
        for action in actions
        if reference in references([action.update, action.default])
    ]
