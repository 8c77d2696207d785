"""Which form of an answer a client prefers, by its `Accept` (RFC 9110, 12.5.1)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final
from urllib.request import parse_http_list

from starlette.types import Scope

LONGEST = 2000
"""Characters of `Accept` that are read: browsers send some 200."""
_WEIGHT: Final = re.compile(r"0(\.\d{0,3})?|1(\.0{0,3})?")


def prefers_html(scope: Scope) -> bool:
    """Whether the client would rather have a page than JSON, as browsers do that open a link.

    A client that does not say, or takes anything, gets JSON: so do curl, SDKs and scripts in a page.
    """
    accept = ",".join(value.decode("latin-1") for name, value in scope["headers"] if name == b"accept")
    ranges = list(_ranges(accept[:LONGEST]))
    return _weight(ranges, "text/html") > _weight(ranges, "application/json")


def _ranges(accept: str) -> Iterator[tuple[str, float]]:
    """(media range, weight). A weight that is none makes its range count for nothing."""
    for part in parse_http_list(accept.lower()):
        media_range, *parameters = (piece.strip() for piece in part.split(";"))
        weight = next((each.removeprefix("q=") for each in parameters if each.startswith("q=")), "1")
        if _WEIGHT.fullmatch(weight):
            yield media_range, float(weight)


def _weight(ranges: list[tuple[str, float]], media_type: str) -> float:
    """The weight of the most specific range that the media type is in; 0 without one."""
    kind, _, _ = media_type.partition("/")
    for wanted in (media_type, f"{kind}/*", "*/*"):
        weights = [weight for media_range, weight in ranges if media_range == wanted]
        if weights:
            return max(weights)
    return 0.0
