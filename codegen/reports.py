"""Writes the decisions of a generation as documents: PROVENANCE, contract-corrections.md, normalisation.md."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import yaml

from codegen.document import Pointer
from codegen.generators import versions
from codegen.normalize import View
from codegen.overlay import Action
from codegen.rules import Firing, Rule

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


def provenance(contract: Path, overlay: Path, scope: Path) -> str:
    """PROVENANCE: checksums of the inputs, and versions of contract and generators."""
    info = json.loads(contract.read_text(encoding="utf-8"))["info"]
    lines = [
        f"sha256 {hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in (contract, overlay, scope)
    ]
    lines.append(f"contract {info['title']} {info['version']}")
    lines += [f"{package} {version}" for package, version in versions().items()]
    return "\n".join(lines) + "\n"


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
