"""The trace that a create request belongs to, by its headers: LangSmith's, and that of the W3C (`traceparent`)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from importlib.util import find_spec
from typing import Any
from urllib.parse import unquote

from treadle.execution.tracing import CALLERS_TRACE, LANGSMITH, OPENTELEMETRY

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-.*)?")


def callers_trace(header: Callable[[bytes], str | None]) -> dict[str, Any]:
    """The keys of `configurable` by which a run continues the trace. What cannot be read is left out."""
    found: dict[str, Any] = {}
    if trace := header(b"langsmith-trace"):
        found = {CALLERS_TRACE: trace, **dict(_baggage(header(b"baggage") or ""))}
    traceparent = header(b"traceparent")
    if traceparent and _TRACEPARENT.fullmatch(traceparent) and _has_opentelemetry():
        headers = {name: header(name.encode()) for name in OPENTELEMETRY}
        found |= {key: value for name, key in OPENTELEMETRY.items() if (value := headers[name])}
    return found


@cache
def _has_opentelemetry() -> bool:
    return find_spec("opentelemetry") is not None


def _baggage(header: str) -> Iterator[tuple[str, Any]]:
    """What LangSmith's clients put into the header, by its keys there; entries of others are left to OpenTelemetry."""
    for entry in header.split(","):
        name, _, value = (part.strip() for part in entry.partition("="))
        text = unquote(value)
        if name == LANGSMITH["project"] and text:
            yield name, text
        elif name == LANGSMITH["tags"] and text:
            yield name, text.split(",")
        elif name == LANGSMITH["metadata"]:
            try:
                metadata = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(metadata, dict):
                yield name, metadata
