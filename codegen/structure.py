"""What a document says without its prose, and the hash of it: two editions are the same if their structure is."""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codegen.document import Document, operations
from codegen.errors import CodegenError

PROSE = frozenset({"title", "summary", "description", "example", "examples", "externalDocs", "x-codeSamples"})
NAMES = frozenset({"properties", "patternProperties", "schemas", "paths", "headers", "content", "responses"})
"""Below these, keys are names and not keywords."""
DATA = frozenset({"default", "enum", "const"})
"""Below these, everything is data."""


def is_prose(key: str, value: Any) -> bool:
    """Whether a keyword of a node is prose. A mapping called `description` is a property of that name."""
    return key in PROSE and not (key == "description" and isinstance(value, dict))


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
        elif not is_prose(key, value):
            kept[key] = structure(value, names=key in NAMES)
    return kept


def facts(document: Document) -> Document:
    """The document without prose; `info` keeps title and version, `tags` keep names."""
    bare: Document = structure(document)
    info = document.get("info", {})
    bare["info"] = {key: info.get(key) for key in ("title", "version")}
    bare["tags"] = [{"name": tag.get("name")} for tag in document.get("tags", [])]
    return bare


def fingerprint(document: Document) -> str:
    """SHA-256 of the structure. Prose, and the order of keys, do not change it."""
    text = json.dumps(facts(document), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Edition:
    """One edition of the Agent Server document."""

    fingerprint: str
    operations: int
    came_with: str
    """The first version of the official server with it that is known; empty if none is."""
    vendored: bool
    """Whether the overlay was written for it, so that each of its targets has to match."""

    def __str__(self) -> str:
        version = f"langgraph-api {self.came_with}" if self.came_with else "version unknown"
        return f"structure {self.fingerprint[:12]}, {self.operations} operations, {version}"


def edition(document: Document, known: Path) -> Edition:
    """Which edition a document is, by the table of known ones."""
    try:
        table = tomllib.loads(known.read_text(encoding="utf-8"))
        versions: dict[str, str] = table["came_with"]
        vendored: str = table["vendored"]
    except (OSError, tomllib.TOMLDecodeError, KeyError) as error:
        raise CodegenError(f"{known.name}: {error}") from None
    found = fingerprint(document)
    return Edition(found, len(list(operations(document))), versions.get(found, ""), found == vendored)
