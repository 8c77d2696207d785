"""JSON as the Agent Server writes it: compact UTF-8, odd values by the recorded table."""

from __future__ import annotations

import base64
import json
import math
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from pathlib import PurePath
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from treadle.errors import ContradictoryRequest, InvalidRequest

MAX_DEPTH = 254
"""Levels of arrays and objects that a request may have: the limit of orjson, and so of the official server."""

_OPTIONS = orjson.OPT_NON_STR_KEYS
_LISTS = (set, frozenset, deque, tuple)
_STRINGS = (PurePath, IPv4Address, IPv6Address, IPv4Network, IPv6Network, IPv4Interface, IPv6Interface)
# 19 digits in a row may be an integer beyond 64 bits, which orjson would read as a float.
_LONG, _STRIDE = b"0" * 19, 9
_DIGITS_AS_ZEROS = bytes(ord("0") if chr(code).isdigit() and code < 128 else ord(" ") for code in range(256))
_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")

# Classes whose text is shown to clients; any other may quote secrets, so only its name is (recorded behaviour).
_SPOKEN = (ValueError, TypeError, KeyError, AttributeError, RuntimeError, TimeoutError)
_SPOKEN_NAMES = frozenset({"GraphRecursionError", "InvalidUpdateError", "EmptyInputError", "HTTPException"})
MASKED = "An internal error occurred"


def decode(body: bytes) -> Any:
    """The JSON document in `body`, integers exact at any length.

    Raises InvalidRequest (422) for anything that is not one JSON document in UTF-8, ContradictoryRequest (400) for
    one nested deeper than MAX_DEPTH.
    """
    try:
        document = parse(body)
    except (ValueError, RecursionError) as error:
        raise InvalidRequest(f"Invalid JSON in request body: {error}") from None
    if body.count(b"[") + body.count(b"{") > MAX_DEPTH and too_deep(document):
        raise ContradictoryRequest(f"Request body: nested deeper than {MAX_DEPTH} levels")
    return document


def parse(document: bytes) -> Any:
    """The JSON in `document`, integers exact at any length. Raises ValueError or RecursionError."""
    return _exact(document) if _has_long_digits(document) else orjson.loads(document)


def _has_long_digits(document: bytes) -> bool:
    # So many digits in a row have two of the bytes that are looked at first: a regular expression would take longer
    # for a large document than all else that is done with it.
    looked_at = document[::_STRIDE].translate(_DIGITS_AS_ZEROS)
    return b"00" in looked_at and _LONG in document.translate(_DIGITS_AS_ZEROS)


def read_uuid(name: str, value: Any) -> UUID:
    """A UUID in any spelling. Raises InvalidRequest (422) naming the field."""
    try:
        return UUID(value)
    except (ValueError, AttributeError):  # AttributeError: not a string
        raise InvalidRequest(f"{name}: {value!r} is not a UUID") from None


def dump(value: Any, stand_in: Callable[[Any], Any] | None = None) -> bytes:
    """`value` as JSON from which `parse` makes it again. What JSON does not know follows `stand_in`, or `odd`."""
    try:
        return orjson.dumps(value, stand_in or odd, _OPTIONS)
    except (TypeError, RecursionError):
        # Big integers, lone surrogates, unusual keys, deep nesting: slower, and still exact.
        text = json.dumps(_plain(value), ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")


def encode(value: Any) -> bytes:
    """`value` as JSON for clients. Values that JSON does not know follow `odd`; integers beyond 64 bits stay exact."""
    encoded = dump(value)
    if b"\\" in encoded and b"\\u0000" in encoded:  # most have none: one byte is found sooner than six
        # NUL leaves as U+FFFD (recorded): many a database behind a client cannot store it.
        return _NUL.sub(b"\\1\xef\xbf\xbd", encoded)
    # A copy: orjson's own bytes keep a buffer of 4 KiB to 16 times their length alive, and most of these are kept.
    return b"%b" % encoded


def fragment(json: bytes | None) -> orjson.Fragment | None:
    """What `encode` made, for a place in a larger document, as it is; None is null."""
    return None if json is None else orjson.Fragment(json)


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with six digits of a second: `2026-11-21T02:41:29.207609+00:00`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def when(seconds: float | None) -> str | None:
    """As `timestamp`; None for a time that is not known yet."""
    return None if seconds is None else timestamp(seconds)


def odd(value: Any) -> Any:
    """A JSON-ready stand-in for a value outside JSON; None for what has no sensible form."""
    if hasattr(value, "model_dump"):
        return value.model_dump()
    if isinstance(value, _LISTS):
        return list(value)
    if isinstance(value, BaseException):
        return failure(value)
    if isinstance(value, (bytes, bytearray)):
        return base64.b64encode(value).decode()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return _number(value)
    if isinstance(value, _STRINGS):
        return str(value)
    if isinstance(value, re.Pattern):
        return value.pattern
    if isinstance(value, ZoneInfo):
        return value.key
    if isinstance(value, Mapping):
        return dict(value)
    return None


def json_copy(value: Any) -> Any:
    """The JSON value with lists and objects of its own."""
    if isinstance(value, dict):
        return {key: json_copy(each) for key, each in value.items()}
    return [json_copy(each) for each in value] if isinstance(value, list) else value


def failure(error: BaseException) -> dict[str, str]:
    """How an exception of a graph is shown: its class, and its text unless the class may carry secrets."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    name = type(error).__name__
    spoken = isinstance(error, _SPOKEN) or any(base.__name__ in _SPOKEN_NAMES for base in type(error).__mro__)
    try:
        return {"error": name, "message": str(error) if spoken else MASKED}
    except Exception:  # a class of the author's that cannot even say what is wrong
        return {"error": name, "message": MASKED}


def _number(value: Decimal) -> int | float | None:
    if not value.is_finite():
        return None
    return int(value) if value == value.to_integral_value() else float(value)


def _plain(value: Any) -> Any:
    """`value` rebuilt from what the standard encoder writes exactly."""
    if value is None or isinstance(value, (str, bool)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, int):
        return int(value)
    if isinstance(value, dict):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, *_LISTS)):
        return [_plain(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    try:
        return json.loads(orjson.dumps(value))  # datetimes, UUIDs, enums: as the fast path writes them
    except TypeError:
        return _plain(odd(value))


def _key(key: Any) -> str:
    if isinstance(key, str):
        return key
    try:
        return next(iter(orjson.loads(orjson.dumps({key: None}, option=_OPTIONS))))  # type: ignore[no-any-return]
    except TypeError:
        return str(key)


def same_json(one: Any, other: Any) -> bool:
    """Whether two values are the same as JSON: 1 is not true, at any depth."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same_json(value, other[key]) for key, value in one.items())
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same_json, one, other))
    return bool(one == other) and isinstance(one, bool) == isinstance(other, bool)


def too_deep(document: Any) -> bool:
    """Whether arrays and objects in the document are nested deeper than MAX_DEPTH."""
    layer = [document]
    for _ in range(MAX_DEPTH):
        layer = [
            item
            for container in layer
            if isinstance(container, (dict, list))
            for item in (container.values() if isinstance(container, dict) else container)
        ]
    return any(isinstance(item, (dict, list)) for item in layer)


def _exact(body: bytes) -> Any:
    """As orjson reads it, but for integers of any length."""
    document = json.loads(body.decode("utf-8"), parse_constant=_finite, parse_float=_finite)
    if b"\\u" in body:
        json.dumps(document, ensure_ascii=False).encode("utf-8")  # a lone surrogate is a ValueError here
    return document


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a number in JSON")
    return number
