"""Writes the decisions of a generation as documents: PROVENANCE, contract-corrections.md, normalisation.md."""

from __future__ import annotations

import hashlib
import re
from typing import Any

import yaml

from codegen.document import Pointer, join
from codegen.generators import versions
from codegen.normalize import View
from codegen.overlay import Action
from codegen.rules import Firing, Rule
from codegen.spec import Inputs, Served

_NOTICE = "<!-- Written by `make generate`. Do not edit. -->\n"
_CORRECTIONS = """\
# Where Treadle differs from the vendored contract

`agent-server-openapi.json` is never edited. What Treadle offers beyond it, and where real servers and clients do
otherwise, is written in `codegen/overlay.yaml` and applied to it; the result is what a server publishes at
`/openapi.json`. Each action, with its reason:
"""
_NORMALISATION = """\
# How the contract is normalised

The generators stumble over shapes that are legal in OpenAPI 3.1. Before they run, the served document is rewritten for
them by the rules of `codegen/rules.py`, which find their places by shape. Requests are judged by the served document,
not by these views: a rule marked *wider* lets a view hold documents that the server refuses.
"""


def provenance(served: Served, inputs: Inputs) -> str:
    """PROVENANCE: the edition of the contract, checksums of the other inputs, and versions of the generators."""
    came_with = f"langgraph-api {served.edition.came_with}" if served.edition.came_with else "an unknown version"
    lines = [
        f"structure {served.edition.fingerprint}  {inputs.contract.name}",
        f"contract {served.title}, {served.edition.operations} operations, came with {came_with}",
    ]
    if served.missing:
        lines.append(f"left unserved: {', '.join(each.name for each in served.missing)}")
    lines += [
        f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}"
        for path in (inputs.prose, inputs.overlay, inputs.scope, inputs.fields)
    ]
    lines += [f"{package} {version}" for package, version in versions().items()]
    return "\n".join(lines) + "\n"


def outcome(served: Served) -> list[str]:
    """What an edition other than the vendored one leaves to do or to know, for the end of `make generate`."""
    settled = served.settled
    lists = [
        ("not in this edition, left unserved with their handlers unbound", [each.name for each in served.missing]),
        ("new, read by no handler, refused by name until fields.toml has them", settled.unread),
        ("new for an operation that shares its schema with one that reads it, accepted", settled.shared),
        ("read by handlers and not in this edition, so always absent", settled.lost),
        ("not in fields.toml, taken as read by their handlers", settled.unrecorded),
        (
            "nothing to correct in this edition, skipped",
            [f"overlay.yaml:{action.line} {action.target}" for action in served.skipped],
        ),
        ("in words of the edition, for which prose.yaml has none of ours", list(map(join, served.wanting))),
    ]
    lines = [line for title, found in lists if found for line in (f"{title}:", *(f"  {each}" for each in found))]
    return lines if served.edition.vendored and not lines else [f"edition: {served.edition}", *lines]


def corrections(actions: list[Action]) -> str:
    """docs/contract-corrections.md: each action of the overlay with its reason."""
    parts = [_NOTICE, _CORRECTIONS]
    for action in actions:
        parts.append(f"## {action.number}. {_label(action.target)}\n\n{action.reason}\n")
        if action.remove:
            parts.append(f"Removed: `{action.target}`\n")
        elif action.default is not None:
            outline = _yaml_block(_outline(action.default))
            parts.append(f"Set at `{action.target}`, where there is none:\n\n{outline}")
        else:
            parts.append(f"Set at `{action.target}`:\n\n{_yaml_block(_outline(action.update))}")
    return "\n".join(parts)


def _label(target: str) -> str:
    """A JSONPath in readable form: `POST /runs: responses, 200`, or `Run: status`."""
    words = [quoted or plain for quoted, plain in re.findall(r"\['([^']+)'\]|\.(\w+|\*)", target)]
    if words in ([], ["components"]):
        head, rest = "The whole document" if not words else "New components", []
    elif words[:3] == ["paths", "*", "*"]:
        head, rest = "Every operation", words[3:]
    elif words[:1] == ["paths"] and len(words) > 2:
        head, rest = f"`{words[2].upper()} {words[1]}`", words[3:]
    elif words[:2] == ["components", "schemas"] and len(words) > 2:
        head, rest = f"`{words[2]}`", words[3:]
    else:
        head, rest = {"paths": "New operations", "components": "New schemas"}.get(words[0], words[0]), []
    rest = [word for word in rest if word not in ("properties", "content", "schema")]
    return f"{head}: {', '.join(rest)}" if rest else head


def _outline(value: Any) -> Any:
    """The update without its prose, which the document itself shows."""
    if isinstance(value, dict):
        return {
            key: _outline(part)
            for key, part in value.items()
            if key not in ("description", "summary") or isinstance(part, dict)
        }
    return [_outline(part) for part in value] if isinstance(value, list) else value


class _Plain(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _yaml_block(value: Any) -> str:
    return f"```yaml\n{yaml.dump(value, Dumper=_Plain, sort_keys=False, width=110, default_flow_style=None)}```\n"


def normalisation(repairs: list[Firing], views: list[View]) -> str:
    """docs/normalisation.md: each rule that fired, why, and where."""
    parts = [
        _NOTICE,
        _NORMALISATION,
        "| view | for | schemas |",
        "|---|---|---|",
        *(
            f"| {view.name} | `{_OUTPUT[view.name]}` | {len(view.document['components']['schemas'])} |"
            for view in views
        ),
        "",
        _section("The served document", repairs),
    ]
    parts += [_section(f"The view for {view.name}", view.log) for view in views]
    return "\n".join(parts)


_OUTPUT = {
    "request models": "treadle_api/models.py",
    "response types": "treadle_api/results.py",
    "client": "treadle_client/",
}


def _section(title: str, log: list[Firing]) -> str:
    places: dict[str, tuple[Rule, list[Pointer]]] = {}
    for firing in log:
        places.setdefault(firing.rule.name, (firing.rule, []))[1].append(firing.pointer)
    parts = [f"## {title}\n"]
    for rule, pointers in places.values():
        wider = " (*wider*)" if rule.verdict == "wider" else ""
        parts.append(f"**{rule.name}**{wider}: {rule.reason}\n")
        parts += [f"- {line}" for line in _grouped(pointers)]
        parts.append("")
    return "\n".join(parts if places else [*parts, "No rule had anything to do.\n"])


def _grouped(pointers: list[Pointer]) -> list[str]:
    groups: dict[str, list[str]] = {}
    for pointer in pointers:
        if pointer[0] == "paths":
            owner, rest = f"{pointer[2].upper()} {pointer[1]}", pointer[3:]
        else:
            owner, rest = pointer[2], pointer[3:]
        groups.setdefault(owner, []).append("/".join(part for part in rest if part != "properties") or "itself")
    return [
        f"`{owner}`: " + ", ".join(f"`{place}`" for place in sorted(set(found)))
        for owner, found in sorted(groups.items())
    ]
