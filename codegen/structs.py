"""The client's results.py: a class for each named part of an answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codegen.document import SCHEMA_PREFIX, Document, mapped, properties_of, types
from codegen.errors import CodegenError
from codegen.hoisting import camel
from codegen.normalize import View
from codegen.operations import inside_docstring, render
from codegen.table import python_type

EXTRA = "extra"
"""The attribute of each result for the fields that the contract does not name."""
LITERAL = re.compile(r"Literal\[[^\]]*\]")
DATE_TIME = {"$ref": f"{SCHEMA_PREFIX}datetime"}
"""Stands for the class of the same name, among the classes that are made here."""


@dataclass(frozen=True, slots=True)
class Field:
    """An attribute."""

    name: str
    type: str
    required: bool
    text: str


@dataclass(frozen=True, slots=True)
class Struct:
    """A class; an alias if it has no fields."""

    name: str
    fields: tuple[Field, ...]
    alias: str
    text: str


def emit_structs(view: View, package: Path) -> None:
    """Write the module into the package."""
    enums: dict[str, str] = {}
    structs = [_with_names(struct, enums) for struct in read_structs(view.document)]
    text = render("treadle_client/results.py.jinja", [], structs=structs, enums=enums)
    (package / "results.py").write_text(text, encoding="utf-8")


def read_structs(document: Document) -> list[Struct]:
    """The named schemas that answers reach: those with fields first, then the aliases."""
    typed = mapped(document, _with_times)
    schemas = typed["components"]["schemas"]
    structs = [_struct(name, schemas[name], typed) for name in schemas]
    return sorted(structs, key=lambda struct: (not struct.fields, struct.name))


def _with_names(struct: Struct, enums: dict[str, str]) -> Struct:
    """The class with a name for the values of each of its enumerations; the names are added to `enums`."""

    def named(field: Field) -> Field:
        if (found := LITERAL.search(field.type)) is None:
            return field
        name = camel(f"{struct.name}_{field.name}")
        enums[name] = found[0]
        return replace(field, type=field.type.replace(found[0], name))

    return replace(struct, fields=tuple(map(named, struct.fields)))


def _with_times(node: dict[str, Any]) -> dict[str, Any]:
    if node.get("format") != "date-time":
        return node
    branches = [DATE_TIME, {"type": "null"}] if "null" in types(node) else [DATE_TIME]
    return {"anyOf": branches, **{key: node[key] for key in ("description",) if key in node}}


def _struct(name: str, schema: Any, document: Document) -> Struct:
    properties, required = properties_of(document, schema)
    if EXTRA in properties:
        raise CodegenError(f"{name}: a field called {EXTRA} has no attribute, since each result has one of that name")
    fields = [_field(each, node, each in required) for each, node in properties.items()]
    alias = "" if fields else _type(schema)
    return Struct(name, tuple(sorted(fields, key=lambda field: not field.required)), alias, _text(schema))


def _field(name: str, schema: Any, required: bool) -> Field:
    type_ = _type(schema)
    optional = not required and type_ != "Any" and "None" not in type_.split(" | ")
    return Field(name, f"{type_} | None" if optional else type_, required, _text(schema))


def _type(schema: Any) -> str:
    return python_type(schema, "results").replace("results.", "")


def _text(schema: Any) -> str:
    return inside_docstring(str(schema.get("description", "")))
