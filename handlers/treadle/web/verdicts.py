"""Turns the errors of a JSON Schema validator into sentences."""

from __future__ import annotations

import json
from typing import Any, Final

from jsonschema_rs import ValidationError

QUOTED: Final = 1000
"""Characters of a long value that a message quotes."""
REASON: Final = 100
"""Characters after such a value, which name the error."""
_ALTERNATIVES: Final = ("anyOf", "oneOf")
# Keywords whose failure means that a value was not meant for an alternative.
_NOT_MEANT: Final = ("type", "enum", "const")


def explained(error: ValidationError) -> str:
    """The validator's own text; where it would name only some of what a value may be, all of it."""
    if error.kind.name == "enum":
        return _unlike(error, [[error]])
    if unserved := _unserved(error):
        return unserved
    alternatives = getattr(error.kind, "context", ()) if error.kind.name in _ALTERNATIVES else ()
    if not alternatives or not all(alternatives):  # the latter of a value that is valid by several, and must be by one
        return _shortened(str(error))
    depth = len(error.instance_path)
    for wrong in alternatives:
        if not any(each.kind.name in _NOT_MEANT and len(each.instance_path) == depth for each in wrong):
            return explained(wrong[0])
    return _unlike(error, alternatives)


def _unlike(error: ValidationError, alternatives: list[list[ValidationError]]) -> str:
    """The form that each alternative requires of a value, and the place of the value."""
    wanted = dict.fromkeys(sorted((_wanted(wrong) for wrong in alternatives), key=lambda text: text.startswith("of ")))
    value = json.dumps(error.instance, ensure_ascii=False, separators=(",", ":"))
    rest = str(error)[len(error.message) :]
    return _shortened(f"{value} is not {', and not '.join(wanted)}{rest}")


def _unserved(error: ValidationError) -> str | None:
    """The refusal of a field or value that the contract has and no handler reads; None for any other error."""
    refused = getattr(error.kind, "schema", None) if error.kind.name == "not" else None
    if refused is None or (refused and set(refused) != {"enum"}):
        return None
    place = ".".join(map(str, error.instance_path))
    value = json.dumps(error.instance) if refused else "this field"
    return f"{place + ': ' if place else ''}{value} is in the contract, and this server does not serve it yet"


def gist(error: ValidationError) -> str:
    """Which part of the value is wrong, and by which keyword of its schema; nothing of the value."""
    place = "".join(f"[{json.dumps(step)}]" for step in error.instance_path)
    return f"instance{place} is not valid by {error.kind.name!r}"


def _wanted(wrong: list[ValidationError]) -> str:
    """The form that one alternative requires, given the keywords that refuse a value."""
    kinds: dict[str, Any] = {each.kind.name: each.kind for each in wrong}
    if enum := kinds.get("enum"):
        *others, last = map(json.dumps, enum.options)
        return f"one of {', '.join(others)} or {last}" if others else last
    if const := kinds.get("const"):
        return json.dumps(const.expected_value)
    return f"of type {' or '.join(json.dumps(each) for each in kinds['type'].types)}"


def _shortened(text: str) -> str:
    """The validator's message without the middle of the value, which it quotes whole."""
    if len(text) <= 4 * QUOTED:
        return text
    before, separator, after = text.partition("\n\n")
    wrong = f"…{before[-REASON:]}" if len(before) > QUOTED + REASON else before[QUOTED:]
    return f"{before[:QUOTED]}{wrong}{separator}{after[:QUOTED]}…"
