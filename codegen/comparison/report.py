"""The report on two documents, as text and as JSON."""

from __future__ import annotations

import ast
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from codegen.comparison.change import LEVELS, Change, Found
from codegen.comparison.operations import compare
from codegen.document import Document, operations
from codegen.spec import Scope
from codegen.structure import Edition
from codegen.verify import ROUTES, bindings

_SHOWN = 4
RESOURCES = "generated/treadle_client/resources.py"


@dataclass(frozen=True, slots=True)
class Report:
    """All differences, the breaking ones first."""

    old: Edition
    new: Edition
    found: list[Found]

    def fails(self, level: str) -> bool:
        """Whether there is a difference of the level, or of a graver one."""
        grave = LEVELS[: LEVELS.index(level) + 1]
        return any(each.change.level in grave for each in self.found)

    def counts(self) -> dict[str, int]:
        """How many differences each level has."""
        counted = Counter(each.change.level for each in self.found)
        return {level: counted[level] for level in LEVELS}

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        changes = [
            {**asdict(each.change), "operations": each.operations, "handlers": each.handlers, "client": each.methods}
            for each in self.found
        ]
        return {"old": asdict(self.old), "new": asdict(self.new), "counts": self.counts(), "changes": changes}

    def as_text(self) -> str:
        """For people."""
        lines = [f"old: {self.old}", f"new: {self.new}"]
        for each in self.found:
            change = each.change
            where = f"{change.place}: " if change.place else ""
            lines.append(f"{change.level:<8}  {_some(each.operations)}: {where}{change.text}")
            touched = [f"handler {_some(each.handlers)}"] if each.handlers else ["not served"]
            touched += [f"client {_some(each.methods)}"] if each.methods else []
            lines.append(f"          {change.rule}, for {change.affects}; {'; '.join(touched)}")
        counted = ", ".join(f"{number} {level}" for level, number in self.counts().items())
        return "\n".join([*lines, counted if self.found else "no differences"]) + "\n"


def _some(names: list[str]) -> str:
    """The first names, and the number of the others; the JSON has all of them."""
    others = len(names) - _SHOWN
    return ", ".join(names[:_SHOWN]) + (f" and {others} more" if others > 0 else "")


def report(old: Document, new: Document, editions: tuple[Edition, Edition], scope: Scope, root: Path) -> Report:
    """Compare two documents. The root has the handlers and the client that the scope names."""
    handlers, methods = _handlers(root), _methods(root / RESOURCES)
    found: dict[Change, Found] = {}
    for placed, change in compare(old, new):
        each = found.setdefault(change, Found(change))
        if placed.place in each.operations:
            continue
        each.operations.append(placed.place)
        # An operation that was renamed is served under its old id until the scope follows.
        name = scope.get(placed.id) or scope.get(_id_at(old, placed.place))
        each.handlers += [handlers[name]] if name in handlers else []
        each.methods += [methods[name]] if name in methods else []
    ranked = sorted(found.values(), key=lambda each: (LEVELS.index(each.change.level), not each.handlers))
    return Report(*editions, ranked)


def _id_at(document: Document, place: str) -> str:
    return next(
        (
            str(node.get("operationId"))
            for path, method, node in operations(document)
            if f"{method.upper()} {path}" == place
        ),
        "",
    )


def _handlers(root: Path) -> dict[str, str]:
    """Operation -> its handler, as routes.py writes it."""
    routes = root / ROUTES
    return {name: ast.unparse(handler) for name, handler in bindings(routes)} if routes.exists() else {}


def _methods(resources: Path) -> dict[str, str]:
    """Operation -> the client's method, which imports its request builder."""
    if not resources.exists():
        return {}
    found = {}
    for node in ast.parse(resources.read_text(encoding="utf-8")).body:
        if not isinstance(node, ast.ClassDef) or node.name.startswith("Async"):
            continue
        attribute = "_".join(part.lower() for part in _words(node.name))
        for method in node.body:
            for inner in ast.walk(method) if isinstance(method, ast.FunctionDef) else ():
                if isinstance(inner, ast.ImportFrom) and isinstance(method, ast.FunctionDef):
                    found.update({alias.name: f"{attribute}.{method.name}" for alias in inner.names})
    return found


def _words(name: str) -> list[str]:
    starts = [index for index, letter in enumerate(name) if letter.isupper()]
    return [name[start:end] for start, end in zip(starts, [*starts[1:], len(name)], strict=True)]
