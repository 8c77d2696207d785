"""Additions and corrections to the contract: `overlay.yaml`, applied by oas-patch.

Beside the specification's `update` and `remove` there is `x-default`, which sets only keys that a place does not have.
One such action describes many places of the same shape; a place with a description of its own keeps it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import parse
from oas_patch.overlay import apply_overlay  # type: ignore[import-untyped]

from codegen.document import METHODS, Document
from codegen.errors import CodegenError


@dataclass(frozen=True, slots=True)
class Action:
    """One entry of the overlay, with the reason that its author gives."""

    number: int
    target: str
    reason: str
    update: Any = None
    default: dict[str, Any] | None = None
    remove: bool = False

    @property
    def place(self) -> str:
        """How messages name the action."""
        return f"overlay.yaml, action {self.number} ({self.target})"


LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The loader in C, where PyYAML has it: it takes a tenth of the time."""


def load(path: Path) -> list[Action]:
    """The actions of the overlay file, in order."""
    try:
        overlay = yaml.load(path.read_text(encoding="utf-8"), LOADER)
    except (OSError, yaml.YAMLError) as error:
        raise CodegenError(f"{path.name}: {' '.join(str(error).split())}") from None
    if not isinstance(overlay, dict) or overlay.get("overlay") != "1.0.0":
        raise CodegenError(f"{path.name}: not an OpenAPI Overlay 1.0.0 document")
    return [_action(number, entry) for number, entry in enumerate(overlay.get("actions", []), 1)]


def _action(number: int, entry: dict[str, Any]) -> Action:
    if unknown := set(entry) - {"target", "description", "update", "x-default", "remove"}:
        raise CodegenError(f"overlay.yaml, action {number}: unknown key {sorted(unknown)[0]!r}")
    action = Action(
        number=number,
        target=str(entry.get("target", "")),
        reason=" ".join(str(entry.get("description", "")).split()),
        update=entry.get("update"),
        default=entry.get("x-default"),
        remove=entry.get("remove", False),
    )
    if not action.reason:
        raise CodegenError(f"{action.place}: `description` must say why the action is needed")
    if ("update" in entry) + ("x-default" in entry) + bool(action.remove) != 1:
        raise CodegenError(f"{action.place}: needs either `update`, `x-default` or `remove: true`")
    return action


def apply(contract: Document, actions: list[Action]) -> Document:
    """The contract with every action applied; an action that matches nothing is an error."""
    document = copy.deepcopy(contract)
    for action in actions:
        # oas-patch 0.6 passes over such an action in silence, and the correction would be lost.
        matches = _matches(document, action)
        if not matches:
            raise CodegenError(f"{action.place}: matches nothing in the contract; correct or drop it ({action.reason})")
        if action.default is not None:
            for match in matches:
                match.update({key: _apart(value) for key, value in action.default.items() if key not in match})
        else:
            _refuse_collisions(matches[0], action)
            change = {"remove": True} if action.remove else {"update": _apart(action.update)}
            apply_overlay(document, {"actions": [{"target": action.target, **change}]})
            if len(matches) > 1:
                document = _apart(document)
    return document


def _apart(node: Any) -> Any:
    """A copy without shared objects. YAML's aliases share an object, and so do several matches: a later action on one
    place would change all of them.
    """
    if isinstance(node, dict):
        return {key: _apart(value) for key, value in node.items()}
    return [_apart(item) for item in node] if isinstance(node, list) else node


def _matches(document: Document, action: Action) -> list[Any]:
    try:
        return [match.value for match in parse(action.target).find(document)]
    except (JSONPathError, ValueError, TypeError) as error:
        raise CodegenError(f"{action.place}: not a JSONPath: {' '.join(str(error).split())}") from None


def _refuse_collisions(target: Any, action: Action) -> None:
    """Refuse to add a schema or an operation that the contract already has: merging the two would spoil both."""
    if action.target == "$.components.schemas":
        taken = sorted(set(target) & set(action.update))
    elif action.target == "$.paths":
        taken = sorted(
            f"{method.upper()} {path}"
            for path, item in action.update.items()
            for method in set(item) & set(target.get(path, {})) & set(METHODS)
        )
    else:
        taken = []
    if taken:
        raise CodegenError(f"{action.place}: {taken[0]} is in the contract by now; decide which of the two to serve")
