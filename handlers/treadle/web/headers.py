"""Headers of answers, as ASGI carries them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from urllib.parse import quote

MOST_IGNORED = 1000
"""Characters of the header `Treadle-Ignored`: many proxies refuse long ones."""
RawHeaders = list[tuple[bytes, bytes]]


def ignored_header(names: Iterable[str]) -> dict[str, str]:
    """The header that tells the caller which fields of the request mean nothing to the server, if there are any."""
    text = ", ".join(names)
    if len(text) > MOST_IGNORED:
        text = text[:MOST_IGNORED].rpartition(",")[0] + ", ..."
    return {"treadle-ignored": text} if text else {}


def raw_headers(headers: Mapping[str, str] | None) -> RawHeaders:
    """Headers as ASGI carries them; a value may hold any text, and what a header cannot carry is percent-encoded."""
    return [(name.encode("ascii"), _header_value(value)) for name, value in (headers or {}).items()]


def _header_value(value: str) -> bytes:
    if value.isascii() and value.isprintable() and "%" not in value:
        return value.encode("ascii")
    return quote(value, safe=_HEADER_SAFE).encode("ascii")


_HEADER_SAFE = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")
