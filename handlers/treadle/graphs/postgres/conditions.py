"""The conditions of a search for items, with which PostgreSQL finds what SQLite finds."""

from __future__ import annotations

import re
from typing import Any

import orjson

_KEY = re.compile(r"[\w-]+(\.[\w-]+)*")
_ORDERS = {"$gt": ">", "$gte": ">=", "$lt": "<", "$lte": "<="}
_HELD = "value #> %s::text[]"


def condition(key: str, operator: str, value: Any) -> tuple[str, list[Any]]:
    """Return the SQL of a condition, and its values. Dots in the key lead to keys inside the value.

    Raises ValueError for what is no condition.
    """
    if not _KEY.fullmatch(key):
        raise ValueError(f"Invalid filter key: {key!r}: words of letters, digits, _ and - with dots between them")
    path, given = key.split("."), orjson.dumps(value).decode()
    if operator in ("$eq", "$ne"):
        sign = "<>" if operator == "$ne" else "="
        # What is not there is null, and otherwise neither the same nor another.
        held = f"coalesce({_HELD}, 'null')" if value is None else _HELD
        return f"{held} {sign} %s::jsonb", [path, given]
    if operator in _ORDERS:
        same_kind = f"jsonb_typeof({_HELD}) = jsonb_typeof(%s::jsonb)"
        return f"({same_kind} AND {_HELD} {_ORDERS[operator]} %s::jsonb)", [path, given, path, given]
    raise ValueError(f"Unsupported operator: {operator}")
