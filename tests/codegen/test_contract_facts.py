"""The structure of the vendored contract is pinned; its prose is ours and may change."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from codegen.document import operations
from tests.codegen.editions import contract

STRUCTURE = "e48bee064b8d5a6a86439f4fc6d3aeee2bbb014aa7751f3600309e5612a70468"

PROSE = frozenset({"title", "summary", "description", "example", "examples", "externalDocs", "x-codeSamples"})
# Below these, keys are names and not keywords.
NAMES = frozenset({"properties", "patternProperties", "schemas", "paths", "headers", "content", "responses"})
# Below these, everything is data.
DATA = frozenset({"default", "enum", "const"})


def structure(node: Any, *, names: bool = False) -> Any:
    """The node without prose."""
    if isinstance(node, list):
        return [structure(item) for item in node]
    if not isinstance(node, dict):
        return node
    kept: dict[str, Any] = {}
    for key, value in node.items():
        if names:
            kept[key] = structure(value)
        elif key in DATA:
            kept[key] = value
        # A mapping called `description` is a property of that name.
        elif key not in PROSE or (key == "description" and isinstance(value, dict)):
            kept[key] = structure(value, names=key in NAMES)
    return kept


def facts(document: dict[str, Any]) -> dict[str, Any]:
    """The document without prose; `info` keeps title and version, `tags` keep names."""
    bare: dict[str, Any] = structure(document)
    bare["info"] = {key: document["info"][key] for key in ("title", "version")}
    bare["tags"] = [{"name": tag["name"]} for tag in document["tags"]]
    return bare


def test_the_structure_of_the_contract_is_the_pinned_one() -> None:
    text = json.dumps(facts(contract()), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert hashlib.sha256(text.encode()).hexdigest() == STRUCTURE


def test_the_contract_is_whole() -> None:
    document = contract()
    counted = (len(document["paths"]), len(list(operations(document))), len(document["components"]["schemas"]))
    assert counted == (50, 64, 58)
    assert len(document["tags"]) == 10


def test_only_prose_is_stripped() -> None:
    node = {
        "description": "prose",
        "properties": {"title": {"type": "string", "title": "prose"}, "description": {"type": "string"}},
        "default": {"description": "data"},
    }
    assert structure(node) == {
        "properties": {"title": {"type": "string"}, "description": {"type": "string"}},
        "default": {"description": "data"},
    }
