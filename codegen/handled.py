"""`fields.toml` names the fields that each handler reads. This module compares an edition of the contract with it.

A new field that no handler reads is refused by the served document, so that nobody takes it for honoured. A field that
a handler reads and the edition lacks stays in the generated types, where it is always absent.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from codegen.document import JSON, Document, operations
from codegen.errors import CodegenError
from codegen.fields import ALL_TYPES, Field, body, parameters, spelt

Where = Literal["parameters", "body"]
Gone = Mapping[str, dict[Where, list[str]]]
"""By operation, the fields that its handler reads and the edition does not have."""
NOTHING_GONE: Gone = MappingProxyType({})
UNREAD = "x-unserved"


@dataclass(frozen=True, slots=True)
class Handled:
    """What the handler of one operation relies on."""

    at: str
    """Where the operation is: `POST /runs`."""
    parameters: dict[str, Field]
    body: dict[str, Field]
    beside: frozenset[str] = frozenset()
    """Fields that it reads though the vendored contract does not have them: clients send them."""


def load(path: Path) -> dict[str, Handled]:
    """The record of all operations, by their short names."""
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
        return {
            name: Handled(
                entry["at"], _read(entry, "parameters"), _read(entry, "body"), frozenset(entry.get("beside", ()))
            )
            for name, entry in table.items()
        }
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, AttributeError) as error:
        raise CodegenError(f"{path.name}: {error}") from None


def _read(entry: dict[str, Any], where: Where) -> dict[str, Field]:
    found = {}
    for name, value in entry.get(where, {}).items():
        words = value if isinstance(value, str) else value["type"]
        kinds = [word.strip(" !") for word in words.split("|")]
        values = () if isinstance(value, str) else tuple(value["values"])
        # A number may be an integer.
        taken = frozenset(ALL_TYPES if kinds == ["any"] else [*kinds, "integer"] if "number" in kinds else kinds)
        found[name] = Field(name, taken, values, words.endswith("!"))
    return found


def written(document: Document, scope: dict[str, str], handled: dict[str, Handled]) -> str:
    """The record as it would be if handlers read all that the document has."""
    parts = []
    for path, method, operation in operations(document):
        item = document["paths"][path]
        name = scope[operation["operationId"]]
        lines = [f"[{name}]", f'at = "{method.upper()} {path}"']
        if name in handled and handled[name].beside:
            lines.append(f"beside = [{', '.join(map(_quoted, sorted(handled[name].beside)))}]")
        for where, found in (
            ("parameters", parameters(document, operation, item)),
            ("body", body(document, operation)),
        ):
            lines += [f"{where}.{_key(each.name)} = {_value(each)}" for each in found]
        parts.append("\n".join(dict.fromkeys(lines)) + "\n")
    return "\n".join(parts)


def _key(name: str) -> str:
    return name if name.replace("_", "").replace("-", "").isalnum() else f'"{name}"'


def _quoted(text: str) -> str:
    return f'"{text}"'


def _value(each: Field) -> str:
    words = spelt(each.types) + ("!" if each.required else "")
    if not each.values:
        return f'"{words}"'
    values = ", ".join(map(_quoted, each.values))
    return f'{{type = "{words}", values = [{values}]}}'


@dataclass(slots=True)
class Settled:
    """Where the edition and the handlers differ."""

    unread: list[str] = field(default_factory=list)
    """What the served document refuses, since no handler reads it: `create_run priority`."""
    shared: list[str] = field(default_factory=list)
    """What is new for an operation, and accepted since it shares the schema with one whose handler reads it."""
    gone: dict[str, dict[Where, list[str]]] = field(default_factory=dict)
    unrecorded: list[str] = field(default_factory=list)
    """Operations whose handlers are not in the record."""
    complaints: list[str] = field(default_factory=list)

    @property
    def lost(self) -> list[str]:
        """The fields of `gone`, as `get_thread include`."""
        return [f"{name} {each}" for name, lists in self.gone.items() for found in lists.values() for each in found]


def settle(document: Document, scope: dict[str, str], handled: dict[str, Handled]) -> Settled:
    """Compare the served document with the record, and have it refuse what no handler reads."""
    settled = Settled()
    new: list[tuple[str, Field]] = []
    read: set[int] = set()
    for path, method, operation in operations(document):
        name = scope[operation["operationId"]]
        if name not in handled:
            settled.unrecorded.append(name)
            continue
        found = {"parameters": parameters(document, operation, document["paths"][path])}
        found["body"] = body(document, operation)
        # The table of operations complains of a body that is not JSON.
        json = JSON in operation.get("requestBody", {}).get("content", {JSON: {}})
        _compare(f"{name} ({method.upper()} {path})", name, found, handled[name], settled, json=json)
        for where, recorded in (("parameters", handled[name].parameters), ("body", handled[name].body)):
            beside = handled[name].beside
            new += [(name, each) for each in found[where] if each.name not in beside and not _covers(recorded, each)]
            read |= {id(each.node) for each in found[where] if each.name in recorded}
    for name, each in new:
        recorded = {**handled[name].parameters, **handled[name].body}
        _refuse(name, each, recorded.get(each.name), read, settled)
    settled.unread = list(dict.fromkeys(settled.unread))
    return settled


def _covers(recorded: dict[str, Field], each: Field) -> bool:
    """Whether the record has the field with all of its values, or has nothing of the object that it is in."""
    if each.name in recorded:
        return set(each.values) <= set(recorded[each.name].values)
    holder = each.name.rpartition(".")[0]
    return bool(holder) and holder not in recorded


def _compare(
    place: str, name: str, found: dict[str, list[Field]], handled: Handled, settled: Settled, *, json: bool
) -> None:
    sides: tuple[tuple[Where, dict[str, Field]], ...] = (("parameters", handled.parameters), ("body", handled.body))
    for where, recorded in sides:
        here = {each.name: each for each in found[where]}
        if where == "body" and not json:
            continue
        if where == "body" and recorded and not here:
            settled.complaints.append(f"{place}: has no fields in its body any more; {_ADVICE}")
            continue
        for each in recorded.values():
            new = here.get(each.name)
            if new is None and each.required:
                settled.complaints.append(f"{place}: {each.name} is not there, and its handler needs it; {_ADVICE}")
            elif new is None and "." not in each.name:
                settled.gone.setdefault(name, {}).setdefault(where, []).append(each.name)
            elif new is not None and (fault := _fault(each, new)):
                settled.complaints.append(f"{place}: {each.name} {fault}; {_ADVICE}")
        settled.complaints += [
            f"{place}: {each.name} is new and required, and no handler reads it; {_ADVICE}"
            for each in here.values()
            if each.required and each.name not in recorded and each.name not in handled.beside
        ]


_ADVICE = "let the handler cope and say so in fields.toml, or correct the contract in overlay.yaml"


def _fault(recorded: Field, new: Field) -> str | None:
    if not new.types <= recorded.types:
        return f"may be {spelt(new.types)}, and its handler reads {spelt(recorded.types)}"
    if recorded.required and not new.required:
        return "may be left out, and its handler needs it"
    return None


def _refuse(name: str, each: Field, recorded: Field | None, read: set[int], settled: Settled) -> None:
    if recorded is None:
        if id(each.node) in read:
            settled.shared.append(f"{name} {each.name}")
        else:
            settled.unread.append(f"{name} {each.name}")
            each.node.pop("format", None)
            each.node.update({UNREAD: True, "not": {}})
        return
    unknown = [value for value in each.values if value not in recorded.values]
    settled.unread += [f"{name} {each.name}={value}" for value in unknown]
    for holder in each.enums:
        refused = [value for value in holder["enum"] if str(value) in unknown]
        if refused:
            holder.update({UNREAD: True, "not": {"enum": refused}})
