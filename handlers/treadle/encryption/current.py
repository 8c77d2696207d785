"""The context of the running request or run. The store encrypts data with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from treadle.errors import InvalidRequest

Json = dict[str, Any]
Admits: TypeAlias = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class _Current:
    context: Json
    filters: list[tuple[str, Admits]] = field(default_factory=list)


_CURRENT: ContextVar[_Current | None] = ContextVar("treadle_encryption", default=None)


def enter(context: Json | None) -> None:
    """Encrypt with this context what the running task, its tasks and the threads of their nodes store from now on."""
    _CURRENT.set(None if context is None else _Current(context))


def current_context() -> Json | None:
    """The context; None where there is none."""
    current = _CURRENT.get()
    return None if current is None else current.context


def note_filter(resource: str, admits: Admits) -> None:
    """Note by what metadata a handler of auth will tell whose the things are that this request makes."""
    current = _CURRENT.get()
    if current is not None:
        current.filters.append((resource, admits))


def check_visible(resource: str, plain: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    """Raises InvalidRequest (422) if encryption hides metadata that a noted filter compares, as the official server."""
    current = _CURRENT.get()
    for kind, admits in current.filters if current is not None else ():
        if kind == resource and admits(plain) and not admits(stored):
            raise InvalidRequest(
                "metadata: a filter of auth compares a key of it that encrypt.json encrypts; leave this key as it is"
            )
