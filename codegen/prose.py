"""Our own words for the contract: `prose.yaml`, laid over any edition by JSON pointer.

A pointer goes by name through lists of parameters and tags, so that their order does not matter. Where the file has an
entry, it replaces all words that the edition has there; an empty entry says that none are needed. Elsewhere the words
of the edition stay, but for titles, which say nothing that the names do not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from codegen.document import Document, Pointer, join
from codegen.errors import CodegenError
from codegen.overlay import LOADER
from codegen.structure import DATA, NAMES, is_prose

_FIRST = ("tags", "operationId", "summary", "name", "in", "required", "$ref", "type", "title", "version", "description")
"""The keywords that operations, parameters and all that has words begin with. The others keep the edition's order."""


@dataclass(slots=True)
class Laid:
    """An edition with our words."""

    document: Document
    wanting: list[Pointer] = field(default_factory=list)
    """Places with words of the edition, for which there are none of ours."""
    unused: list[str] = field(default_factory=list)
    """Pointers of ours that lead nowhere in this edition."""


def load(path: Path) -> dict[str, dict[str, Any]]:
    """The words by pointer."""
    try:
        words = yaml.load(path.read_text(encoding="utf-8"), LOADER)
    except (OSError, yaml.YAMLError) as error:
        raise CodegenError(f"{path.name}: {' '.join(str(error).split())}") from None
    if not isinstance(words, dict) or not all(isinstance(entry, dict) for entry in words.values()):
        raise CodegenError(f"{path.name}: not a mapping of pointers to words")
    for pointer, entry in words.items():
        if strange := [key for key, value in entry.items() if not is_prose(key, value)]:
            raise CodegenError(f"{path.name}: {pointer}: {strange[0]!r} is not prose; that belongs into overlay.yaml")
    return words


def lay(document: Document, words: dict[str, dict[str, Any]]) -> Laid:
    """The document with the words in place of its own, and its keywords in one order."""
    laid = Laid({})
    used: set[str] = set()
    laid.document = _laid(document, (), words, laid, used)
    laid.unused = [pointer for pointer in words if pointer not in used]
    return laid


def _laid(node: Any, pointer: Pointer, words: dict[str, dict[str, Any]], laid: Laid, used: set[str]) -> Any:
    if isinstance(node, list):
        return [_laid(each, (*pointer, step), words, laid, used) for step, each in _steps(node, pointer)]
    if not isinstance(node, dict):
        return node
    if pointer and pointer[-1] in NAMES and not _is_name(pointer):
        return {key: _laid(value, (*pointer, key), words, laid, used) for key, value in node.items()}
    text = join(pointer)
    fixed = ("title",) if pointer == ("info",) else ()
    theirs = {key: value for key, value in node.items() if is_prose(key, value) and key not in fixed}
    ours = words.get(text)
    if ours is not None:
        used.add(text)
    elif set(theirs) - {"title"}:
        laid.wanting.append(pointer)
    kept = {
        key: value if key in DATA else _laid(value, (*pointer, key), words, laid, used)
        for key, value in node.items()
        if key not in theirs
    }
    said = ours if ours is not None else {key: value for key, value in theirs.items() if key != "title"}
    return _ordered({**kept, **said})


def _is_name(pointer: Pointer) -> bool:
    """Whether the last step is a name that happens to be a keyword, such as a property called `content`."""
    return len(pointer) > 1 and pointer[-2] in NAMES and not _is_name(pointer[:-1])


def _steps(nodes: list[Any], pointer: Pointer) -> Iterator[tuple[str, Any]]:
    by_name = pointer[-1:] in (("parameters",), ("tags",))
    for index, each in enumerate(nodes):
        yield (each["name"] if by_name and isinstance(each, dict) and "name" in each else str(index)), each


def _ordered(node: dict[str, Any]) -> dict[str, Any]:
    if not {"description", "summary", "operationId", "in"} & set(node):
        return node
    # Only in a parameter it says something of the whole; in a schema, it is a list of fields.
    later = () if "in" in node else ("required",)
    first = [key for key in _FIRST if key in node and key not in later]
    return {key: node[key] for key in (*first, *(key for key in node if key not in first))}
