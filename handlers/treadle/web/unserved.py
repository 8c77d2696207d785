"""The answer to a request for an operation of the contract that this server does not have."""

from __future__ import annotations

import re
from functools import cache

from starlette.types import Scope

from treadle.web.addresses import route_path
from treadle_api.operations import UNSERVED

_OF_RUNS = re.compile(r"/threads/\{\w+\}/runs(/stream|/wait)?")


def unserved(scope: Scope) -> str | None:
    """Return the detail of that answer; None if the request is for no such operation."""
    path = route_path(scope)
    for method, template, pattern in _patterns():
        if method == scope["method"] and pattern.fullmatch(path):
            advice = "; send the run without a thread" if _OF_RUNS.fullmatch(template) else ""
            return f"Treadle does not serve {method} {template}{advice}"
    return None


@cache
def _patterns() -> list[tuple[str, str, re.Pattern[str]]]:
    return [(method, path, re.compile(re.sub(r"\{\w+\}", "[^/]+", path))) for method, path in UNSERVED]
