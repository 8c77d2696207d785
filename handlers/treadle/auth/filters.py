"""Filters: what an author's handler lets a user see, by the metadata of runs, threads and assistants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from treadle.encoding import same_json

Admits: TypeAlias = Callable[[Mapping[str, Any]], bool]
"""Whether a user may see what has this metadata."""


def everything(metadata: Mapping[str, Any]) -> bool:
    """Admits all."""
    return True


def admitting(wanted: Any) -> Admits:
    """Return the filter for a handler's result. It admits metadata that meets every condition.

    A condition is a value, `{"$eq": value}` or `{"$contains": value or list of values}`. Raises ValueError for anything
    else: what is not understood must not open anything.
    """
    if not isinstance(wanted, Mapping):
        raise ValueError(f"a handler returned a {type(wanted).__name__}; return None, True, False or a filter")
    conditions = [(str(key), *_condition(str(key), value)) for key, value in wanted.items()]
    return lambda metadata: all(key in metadata and meets(metadata[key], value) for key, meets, value in conditions)


def _condition(key: str, value: Any) -> tuple[Callable[[Any, Any], bool], Any]:
    if key.startswith("$"):
        raise ValueError(
            f"the filter of a handler has {key}; it may have names of metadata, and all of them have to fit"
        )
    if not isinstance(value, Mapping):
        return same_json, value
    operators = {"$eq": same_json, "$contains": _contains}
    if len(value) != 1 or next(iter(value)) not in operators:
        raise ValueError(f"the filter of a handler has {key}: {dict(value)!r}; it may have $eq or $contains")
    ((name, operand),) = value.items()
    return operators[name], operand


def _contains(has: Any, wanted: Any) -> bool:
    if not isinstance(has, (list, tuple)):
        return False
    return all(
        any(same_json(item, each) for item in has) for each in (wanted if isinstance(wanted, list) else [wanted])
    )
