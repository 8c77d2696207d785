"""Compares two schemas: what a client may send gets narrower, or what it has to read gets wider.

The categories and their weight are those of oasdiff, in words of our own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from codegen.comparison.change import READ, SEND, Change, Level
from codegen.document import Document, Schema, resolve, split
from codegen.fields import accepted, spelt
from codegen.structure import structure

Side = Literal["request", "response"]
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_SAME = ("pattern", "format", "multipleOf", "uniqueItems", "const")


@dataclass(frozen=True, slots=True)
class Schemas:
    """The same place in two documents."""

    side: Side
    old: Document
    new: Document
    place: str
    seen: frozenset[tuple[str, str]] = frozenset()
    """Pairs of references on the way here: schemas may refer to themselves."""

    def changes(self, before: Any, after: Any) -> Iterator[Change]:
        """All differences, the outer ones first."""
        before, after = (each if isinstance(each, dict) else {} for each in (before, after))
        pair = (str(before.get("$ref", "")), str(after.get("$ref", "")))
        if all(pair) and pair in self.seen:
            return
        here = replace(self, seen=self.seen | {pair})
        one, other = _flat(self.old, before), _flat(self.new, after)
        if json.dumps(structure(one), sort_keys=True) == json.dumps(structure(other), sort_keys=True) and not any(
            "$ref" in json.dumps(each) for each in (one, other)
        ):
            return
        yield from here._types(one, other)
        yield from here._values(one, other)
        yield from here._limits(one, other)
        yield from here._fields(one, other)
        yield from here._inside(one, other)

    def _change(self, rule: str, level: Level, text: str, place: str | None = None) -> Change:
        affects = SEND if self.side == "request" else READ
        return Change(f"{self.side}-{rule}", level, affects, self.place if place is None else place, text)

    def _either(self, narrower: bool, rule: str, text: str) -> Change:
        """Breaking where a request gets narrower or a response wider."""
        return self._change(rule, "breaking" if narrower is (self.side == "request") else "info", text)

    def _types(self, one: Schema, other: Schema) -> Iterator[Change]:
        before, after = accepted(self.old, one), accepted(self.new, other)
        gone, more = before - after, after - before
        if gone and more:
            yield self._change("type-changed", "breaking", f"was {spelt(before)}, and is {spelt(after)}")
        elif gone:
            yield self._either(True, "type-narrowed", f"was {spelt(before)}, and is {spelt(after)} only")
        elif more:
            yield self._either(False, "type-widened", f"was {spelt(before)}, and may be {spelt(after)}")

    def _values(self, one: Schema, other: Schema) -> Iterator[Change]:
        before, after = one.get("enum"), other.get("enum")
        if before is not None and after is not None:
            for value in (each for each in before if each not in after):
                yield self._either(True, "enum-value-removed", f"the value {value!r} is gone")
            for value in (each for each in after if each not in before):
                level: Level = "info" if self.side == "request" else "warning"
                yield self._change("enum-value-added", level, f"the value {value!r} is new")
        elif after is not None:
            yield self._either(True, "became-enum", f"only {', '.join(map(repr, after))} are values now")
        elif before is not None:
            yield self._either(False, "became-not-enum", "any value is possible now")
        if one.get("default") != other.get("default"):
            text = f"the default was {json.dumps(one.get('default'))}, and is {json.dumps(other.get('default'))}"
            if self.side == "request":
                yield self._change("default-changed", "warning", text)

    def _limits(self, one: Schema, other: Schema) -> Iterator[Change]:
        for keyword in (*_UPPER, *_LOWER):
            before, after = one.get(keyword), other.get(keyword)
            if before == after:
                continue
            lower_is_narrower = keyword in _UPPER
            narrower = before is None or (after is not None and (after < before) is lower_is_narrower)
            rule = "limit-narrowed" if narrower else "limit-widened"
            yield self._either(narrower, rule, f"{keyword} was {_word(before)}, and is {_word(after)}")
        for keyword in _SAME:
            before, after = one.get(keyword), other.get(keyword)
            if before != after:
                narrower = before is None or after is not None
                text = f"{keyword} was {_word(before)}, and is {_word(after)}"
                if before is not None and after is not None:
                    yield self._change("format-changed", "breaking", text)
                else:
                    yield self._either(narrower, "format-changed", text)
        closed = [each.get("additionalProperties", True) is False for each in (one, other)]
        if closed[0] != closed[1]:
            text = "unknown fields are refused now" if closed[1] else "unknown fields are accepted now"
            yield self._either(closed[1], "unknown-fields-changed", text)

    def _fields(self, one: Schema, other: Schema) -> Iterator[Change]:
        before, after = one.get("properties", {}), other.get("properties", {})
        needed, needs = set(one.get("required", [])), set(other.get("required", []))
        for name in (each for each in before if each not in after):
            at = self._at(name)
            breaking = self.side == "response" and name in needed
            rule = "required-field-removed" if breaking else "field-removed"
            yield self._change(rule, "breaking" if breaking else "warning", "the field is gone", at)
        for name in (each for each in after if each not in before):
            at, required = self._at(name), name in needs and self.side == "request"
            rule, text = (
                ("required-field-added", "a new field, which is required")
                if required
                else ("field-added", "a new field")
            )
            yield self._change(rule, "breaking" if required else "info", text, at)
        for name in (each for each in after if each in before):
            inner = replace(self, place=self._at(name))
            if name in needs - needed:
                yield inner._either(True, "field-became-required", "the field is required now")
            elif name in needed - needs:
                yield inner._either(False, "field-became-optional", "the field may be left out now")
            yield from inner.changes(before[name], after[name])

    def _at(self, name: str) -> str:
        base, _, inside = self.place.partition(", ")
        return f"{base}, {inside}.{name}" if inside else f"{base}, {name}"

    def _inside(self, one: Schema, other: Schema) -> Iterator[Change]:
        for keyword, mark in (("items", "[]"), ("additionalProperties", ".*")):
            if isinstance(one.get(keyword), dict) or isinstance(other.get(keyword), dict):
                inner = replace(self, place=self.place + (mark if ", " in self.place else f", {mark.strip('.')}"))
                yield from inner.changes(one.get(keyword, {}), other.get(keyword, {}))
        before, after = (_branches(each) for each in (one, other))
        gone = [each for each in before if _text(each) not in map(_text, after)]
        more = [each for each in after if _text(each) not in map(_text, before)]
        for each in list(gone):
            # An alternative of the same type is the same one, changed.
            kinds = accepted(self.old, each)
            twin = next((other for other in more if accepted(self.new, other) == kinds), None)
            if twin is not None or len(gone) == len(more) == 1:
                twin = more[0] if twin is None else twin
                gone.remove(each)
                more.remove(twin)
                yield from self.changes(each, twin)
        # Alternatives that are types of their own were reported as such.
        for each in gone if one.get("properties") or len(before) > 1 else ():
            if accepted(self.old, each) <= accepted(self.new, other):
                yield self._either(True, "alternative-removed", f"an alternative is gone: {_text(each)[:80]}")
        for each in more if other.get("properties") or len(after) > 1 else ():
            if accepted(self.new, each) <= accepted(self.old, one):
                yield self._either(False, "alternative-added", f"an alternative is new: {_text(each)[:80]}")
        # A schema that refers to its parts is the same text whatever became of the parts.
        for each in (each for each in before if _text(each) in map(_text, after) and "$ref" in _text(each)):
            yield from self.changes(each, each)


def _flat(document: Document, schema: Schema) -> Schema:
    """The schema with its reference followed and its `allOf` merged."""
    if "$ref" in schema:
        schema = {**resolve(document, split(schema["$ref"]))[0], **{k: v for k, v in schema.items() if k != "$ref"}}
    if "allOf" not in schema:
        return _typed(schema)
    whole: Schema = {key: value for key, value in schema.items() if key != "allOf"}
    for part in schema["allOf"]:
        flat = _flat(document, part)
        whole = {
            **flat,
            **whole,
            "properties": {**flat.get("properties", {}), **whole.get("properties", {})},
            "required": [*flat.get("required", []), *whole.get("required", [])],
        }
    return _typed(whole)


def _typed(schema: Schema) -> Schema:
    """The schema with `nullable` of OpenAPI 3.0 as a type of its own."""
    kinds = schema.get("type")
    if schema.get("nullable") is not True or kinds is None:
        return schema
    return {**schema, "type": [*([kinds] if isinstance(kinds, str) else kinds), "null"]}


def _branches(schema: Schema) -> list[Schema]:
    return [*schema.get("anyOf", []), *schema.get("oneOf", [])]


def _text(schema: Any) -> str:
    return json.dumps(structure(schema), sort_keys=True)


def _word(value: Any) -> str:
    return "not set" if value is None else json.dumps(value)
