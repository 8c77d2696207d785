"""JSON documents, and the classes that answers are read into."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec


class Result(msgspec.Struct, kw_only=True, omit_defaults=True, repr_omit_defaults=True):
    """The base of what the server answers."""

    extra: dict[str, Any] = msgspec.field(default_factory=dict, name="*")
    """The fields that the contract does not name, such as further keys of a config, or those of a newer server."""


def typed(document: Any, kind: Any) -> Any:
    """The document as a value of a type. Raises msgspec.ValidationError, with the place of what does not fit."""
    value = msgspec.convert(document, kind)
    for node, result in _results(document, value):
        known = type(result).__struct_encode_fields__
        result.extra = {key: node[key] for key in node if key not in known}
    return value


def plain(value: Any) -> Any:
    """The document of a value, with results, ids and times as JSON has them. Raises TypeError if it has none."""
    document = msgspec.to_builtins(value)
    for node, result in _results(document, value):
        node.pop("*", None)
        node.update(result.extra)
    return document


def _results(document: Any, value: Any) -> Iterator[tuple[dict[str, Any], Result]]:
    """Each result in the value, with its place in the document. It goes into no part that is the same in both."""
    waiting = [(document, value)]
    while waiting:
        node, part = waiting.pop()
        if isinstance(part, Result):
            inner = zip(part.__struct_encode_fields__, part.__struct_fields__, strict=True)
            waiting += [(node[name], getattr(part, field)) for name, field in inner if name in node]
            yield node, part
        elif node is part:
            continue
        elif isinstance(part, dict) and isinstance(node, dict):
            waiting += [(node[key], inner) for key, inner in part.items() if key in node]
        elif isinstance(part, list | tuple) and isinstance(node, list | tuple):
            waiting += zip(node, part, strict=True)
