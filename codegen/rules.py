"""The rules of normalisation, with their reasons.

They find their places by shape, so that a new edition of the contract needs no new path.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from codegen import shapes
from codegen.document import Document, Pointer, Schema, Visit
from codegen.shapes import Rewrite


@dataclass(frozen=True, slots=True)
class Rule:
    """A rewrite with its name, its reason, and whether it lets more documents pass than the contract does."""

    name: str
    reason: str
    verdict: Literal["same", "wider"]
    rewrite: Rewrite


@dataclass(frozen=True, slots=True)
class Firing:
    """One place where a rule applied."""

    rule: Rule
    pointer: Pointer


def apply(rules: tuple[Rule, ...], document: Document, log: list[Firing]) -> Visit:
    """A visitor that applies the rules in order and logs each that fired."""

    def visit(schema: Schema, pointer: Pointer) -> Schema:
        for rule in rules:
            changed = rule.rewrite(schema, document)
            if changed is not None:
                schema = changed
                log.append(Firing(rule, pointer))
        return schema

    return visit


REPAIRS = (
    Rule("nullable", "OpenAPI 3.1 has no `nullable`; the type list says the same.", "wider", shapes.nullable),
    Rule(
        "array-items",
        "An array without `items` holds anything. Linters take it for a mistake, and openapi-python-client drops every "
        "schema that has one, and with it each operation that creates a run.",
        "same",
        shapes.array_items,
    ),
)

SHARED = (
    Rule(
        "unserved",
        "A field or value that no handler reads is refused by the served document; its type is that of the contract.",
        "wider",
        shapes.unserved,
    ),
    Rule(
        "any-json",
        "A union of all JSON types is no restriction. Written as a union, Pydantic would turn integers into floats and "
        "the client would guess a branch.",
        "same",
        shapes.any_json,
    ),
    Rule(
        "any-string",
        "`a string with a format, or any string` is any string. As a union, an id that looks like a UUID would be "
        "parsed and spelt anew.",
        "same",
        shapes.any_string,
    ),
    Rule(
        "one-array",
        "For two lists in one union, openapi-python-client writes code that fails on the second. A list of either kind "
        "of item loads both; mixed lists are refused by the contract itself.",
        "wider",
        shapes.one_array,
    ),
    Rule(
        "type-beside-ref",
        "The referred schema already has this type; generators stumble over both.",
        "same",
        shapes.type_beside_ref,
    ),
    Rule("null-default", "A default of null says no more than absence.", "same", shapes.null_default),
    Rule("title", "Titles clash (two fields called Input), and generators name classes by them.", "same", shapes.title),
)

_BARE = Rule(
    "bare-branches",
    "Branches that only say which keys are required describe no type; openapi-python-client loses the schema over it.",
    "wider",
    shapes.bare_branches,
)

BODY = (
    Rule(
        "limits",
        "The contract has judged a request before it is loaded; the model is a view and must load whatever passed. "
        "Formats go too: ids and times stay the strings that were sent.",
        "wider",
        shapes.limits,
    ),
    _BARE,
    Rule("one-of", "Which branch excludes which has been judged as well.", "wider", shapes.exclusive),
    Rule("enum-of-numbers", "1.0 is 1 for JSON Schema but not for a Literal.", "wider", shapes.enum_of_numbers),
    Rule(
        "integer",
        "7.0 and 1e20 are integers for JSON Schema; Pydantic alone refuses the second.",
        "same",
        shapes.integer,
    ),
    Rule(
        "deprecated",
        "Reading a deprecated field of a model warns, and the server must read it.",
        "same",
        shapes.deprecated,
    ),
    Rule("number", "An integer sent for a number stays an integer.", "same", shapes.number),
)

RESULT = (
    Rule(
        "limits",
        "A TypedDict has no place for limits; ids and times are the strings that go out.",
        "wider",
        shapes.limits,
    ),
    *BODY[1:4],
)

CLIENT = (
    _BARE,
    Rule(
        "free-form",
        "openapi-python-client writes a wrapper class for each free-form object and then fails on a plain dict.",
        "wider",
        shapes.free_form,
    ),
    Rule(
        "default",
        "The client would send every default with every request; in a PATCH that overwrites stored values.",
        "same",
        shapes.default,
    ),
)


def _elsewhere(schema: Schema, document: Document) -> Schema | None:
    """codegen.hoisting or codegen.normalize does it, since it needs to know the place."""
    return None


NAMED = Rule(
    "named-body",
    "A body or an answer that is written in place gets a name, so that handlers can import it.",
    "same",
    _elsewhere,
)
PAGES = Rule(
    "pages",
    "Forms and pages are between the server and browsers; programs send and get the JSON beside them.",
    "same",
    _elsewhere,
)
INLINE = Rule(
    "named-inline",
    "An object or enum inside another schema is named after its place; otherwise generators number them, and the "
    "numbers shift when the contract grows.",
    "same",
    _elsewhere,
)
