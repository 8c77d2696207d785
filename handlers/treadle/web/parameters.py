"""Path, query and header parameters: read from text as the contract's types, judged by its schemas."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import inf, isfinite
from typing import Any, Final
from urllib.parse import parse_qsl

import orjson
from jsonschema_rs import ValidationError

from treadle.encoding import read_uuid
from treadle.errors import InvalidRequest
from treadle.web.verdicts import explained, gist
from treadle_api.operations import Operation, Parameter

# The spellings that real clients use for booleans: Python's, JavaScript's and plain 0 and 1.
_BOOLEANS: Final = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
# As JSON spells a number: Python would also take `1_0`, ` 1` and the digits of every script.
_NUMBER: Final = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?")


class ParameterReader:
    """Reads the parameters of one operation."""

    def __init__(self, operation: Operation[Any, Any, Any], validator: Callable[[str], Any]) -> None:
        self._make = operation.make_parameters
        self._nothing = operation.make_parameters() if not operation.parameters else None
        self._parameters = [(parameter, validator(parameter.pointer)) for parameter in operation.parameters]
        self._query = any(parameter.location == "query" for parameter in operation.parameters)

    def read(self, path: Mapping[str, str], query: bytes, headers: Mapping[bytes, bytes]) -> Any:
        """The operation's parameters. Raises InvalidRequest (422) naming the one that is wrong."""
        if self._nothing is not None:
            return self._nothing
        pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True) if self._query and query else []
        values = {}
        for parameter, validator in self._parameters:
            texts = _texts(parameter, path, pairs, headers)
            if parameter.required and not texts:
                raise InvalidRequest(f"{parameter.name}: the {parameter.location} parameter is required")
            if texts:
                values[parameter.field] = _judged(parameter, _value(parameter, texts), validator)
        return self._make(**values)


def _texts(
    parameter: Parameter, path: Mapping[str, str], query: list[tuple[str, str]], headers: Mapping[bytes, bytes]
) -> list[str]:
    if parameter.location == "path":
        return [path[parameter.name]]
    if parameter.location == "header":
        value = headers.get(parameter.name.lower().encode())
        return [] if value is None else [value.decode("latin-1")]
    return [text for name, text in query if name == parameter.name and (text or not parameter.allow_empty)]


def _value(parameter: Parameter, texts: list[str]) -> Any:
    """The value that the text spells; text that does not spell one of its kind stays text, for the schema to refuse."""
    text = texts[-1]
    if parameter.kind == "array":
        return _list(texts)
    if parameter.kind == "repeated":
        return texts
    if parameter.kind == "boolean":
        return _BOOLEANS.get(text.lower(), text)
    if parameter.kind == "number":
        return read_number(text)
    if parameter.kind == "integer":
        if _NUMBER.fullmatch(text):
            with suppress(ValueError):
                return int(text)
        # Where the schema has `boolean or integer`; 1 is a number there.
        return {"true": True, "false": False}.get(text.lower(), text)
    return text


def read_number(text: str) -> float | str:
    """The number in a text, by the syntax of JSON; the text itself if it is no number, or exceeds JSON's range."""
    number = float(text) if _NUMBER.fullmatch(text) else inf
    return number if isfinite(number) else text


def _list(texts: list[str]) -> list[str]:
    """A list in any form that clients use: repeated, as one JSON array, or with commas."""
    items: list[str] = []
    for text in texts:
        if text.startswith("["):
            try:
                items.extend(orjson.loads(text))
                continue
            except ValueError:
                pass
        items.extend(text.split(","))
    return items


def _judged(parameter: Parameter, value: Any, validator: Any) -> Any:
    if parameter.kind == "uuid":
        return read_uuid(parameter.name, value)
    try:
        validator.validate(value)
    except ValidationError as error:
        raise InvalidRequest(f"{parameter.name}: {explained(error)}", gist=f"{parameter.name}: {gist(error)}") from None
    return value
