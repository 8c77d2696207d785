"""`treadle_api/reference.html`: the served document as one page, with examples and forms, that loads nothing."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from codegen.document import Document
from codegen.facade import Resource
from codegen.members import Member, members, named_in
from codegen.operations import TEMPLATES
from codegen.sections import Said, Section, read_sections, usual_answers
from codegen.snippets import ADDRESS, as_json
from codegen.spec import Served
from codegen.table import Operation

EXAMPLES = Path(__file__).parent / "examples.json"
"""Exchanges with a server of the example graphs, captured by `python -m tests.reference`."""
FILE = "reference.html"
RUNNER = "stream_run"
"""The operation of the form that sends a run."""
# Raw HTML is shown as text, and links lead to the web alone: any edition of the contract may be the source.
_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_SHOWN = re.compile(r"(<pre\b.*?</pre>|<textarea\b.*?</textarea>)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Type:
    """An object with a name."""

    text: str
    bases: list[str]
    """The objects that have its other fields."""
    fields: list[Member]


def emit_reference(operations: list[Operation], resources: list[Resource], served: Served, package: Path) -> None:
    """Write the page into the package."""
    document = served.document
    exchanges = {each["operation"]: each for each in json.loads(EXAMPLES.read_text("utf-8")) if "for" not in each}
    methods = {method.operation.name: (each.attribute, method) for each in resources for method in each.methods}
    sections = read_sections(document, operations, methods, exchanges)
    types = _types(document, sections)
    page = (
        _environment(types)
        .get_template("page.html.jinja")
        .render(
            info=document["info"],
            address=ADDRESS,
            tags=_by_tag(document, sections),
            types=types,
            usual=_by_name(usual_answers(document)),
            runner=next((each for each in sections if each.operation.name == RUNNER), None),
            modes=_modes(sections),
            languages=["curl", "Python", "JavaScript"],
        )
    )
    (package / FILE).write_text(_condensed(page), "utf-8")


def _by_tag(document: Document, sections: list[Section]) -> list[tuple[str, str, list[Section]]]:
    """(tag, description, sections). Runs without a thread come first: the server is made for them."""
    described = {tag["name"]: str(tag.get("description", "")) for tag in document.get("tags", [])}
    names = dict.fromkeys([*described, *(section.operation.tag for section in sections)])
    order = sorted(names, key=lambda name: all(each.operation.name != RUNNER for each in _of(name, sections)))
    return [(name, described.get(name, ""), _of(name, sections)) for name in order]


def _of(tag: str, sections: list[Section]) -> list[Section]:
    return [section for section in sections if section.operation.tag == tag]


def _by_name(usual: Iterable[Said]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, text in usual:
        found.setdefault(name, []).append(text)
    return found


def _modes(sections: Iterable[Section]) -> list[str]:
    """The stream modes that a run may be asked for."""
    bodies = [section.body for section in sections if section.body is not None]
    fields = [field for body in bodies for field in body.fields if field.name == "stream_mode"]
    return [json.loads(value) for value in fields[0].values] if fields else []


def _types(document: Document, sections: Iterable[Section]) -> dict[str, Type]:
    """The objects that the sections name, and those that these name, by name."""
    schemas = document.get("components", {}).get("schemas", {})
    waiting = [name for section in sections for name in _named_by(section)]
    found: dict[str, Type] = {}
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = _type(document, schemas[name])
            waiting += [*found[name].bases, *_named_in(found[name].fields)]
    return dict(sorted(found.items()))


def _type(document: Document, schema: Any) -> Type:
    bases = [name for part in schema.get("allOf", []) if "$ref" in part for name in named_in(document, part)]
    known = {field.name for name in bases for field in members(document, document["components"]["schemas"][name])}
    fields = [field for field in members(document, schema) if field.name not in known]
    return Type(str(schema.get("description", "")), bases, fields)


def _named_by(section: Section) -> Iterator[str]:
    if section.body is not None:
        yield from section.body.named
        yield from _named_in(section.body.fields)
    yield from _named_in(each for rows in section.parameters.values() for each in rows)
    yield from _named_in(answer.content for answer in section.answers if answer.content)


def _named_in(rows: Iterable[Member]) -> Iterator[str]:
    for each in rows:
        yield from each.named
        yield from _named_in(each.inside)


def _environment(types: Iterable[str]) -> Environment:
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES / "reference"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "as_json": as_json,
        "breakable": lambda path: Markup("<wbr>/").join(path.split("/")),
        "linked": lambda text: _linked(text, set(types)),
        "marked": _marked,
        "plain": _plain,
        "prose": _prose,
        "text": _text,
        "without_comments": lambda code: Markup(re.sub(r"^\s*//.*\n", "", code, flags=re.MULTILINE)),
    }
    return environment


def _prose(text: str) -> Markup:
    return Markup(_MARKDOWN.render(text))


def _text(text: str) -> Markup:
    """Prose without an element of its own, if it is one paragraph."""
    return _prose(text) if "\n" in text.strip() else Markup(_MARKDOWN.renderInline(text))


def _plain(text: str) -> Markup:
    """Text between tags. Quotes need no escaping there, and JSON is full of them."""
    return Markup(html.escape(text, quote=False))


def _marked(code: str, body: Any) -> Markup:
    """A snippet with its body marked, where forms take it from."""
    text, found = str(_plain(code)), "" if body is None else str(_plain(as_json(body, 2)))
    return Markup(text.replace(found, f"<span>{found}</span>", 1) if found else text)


def _linked(text: str, types: set[str]) -> Markup:
    """A type in words, with links to those that have a name."""
    link = Markup('<a href="#type-{0}">{0}</a>')
    return Markup("").join(link.format(word) if word in types else word for word in re.split(r"(\w+)", text))


def _condensed(page: str) -> str:
    """The page without empty lines and indentation, except in code that is shown."""
    parts = _SHOWN.split(page)
    for index in range(0, len(parts), 2):
        lines = re.sub(r"\s*\n\s*", "\n", parts[index])
        parts[index] = re.sub(r"\n(?=</|<d[dlt]\b|<p\b|<h[1-4]\b|<details)", "", lines)
    return "".join(parts)
