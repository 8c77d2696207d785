"""Requests that are refused: what of them is said in the log, which never quotes what a client keeps to itself."""

from __future__ import annotations

import re
from typing import Final

import structlog
from starlette.types import Scope

MOST_QUOTED = 200
"""Characters of a path or a detail."""
# What stands before "is not …", and from the first quoted value to the last: bodies and queries may hold secrets.
_VALUES: Final = re.compile(r"""(?<=: ).*(?= is not )|["'\[{].*["'\]}]""")
# The token of a link for feedback is a credential.
_TOKEN: Final = re.compile(r"(/feedback/).+", re.DOTALL)
log = structlog.get_logger("treadle.web")


def note_refusal(
    scope: Scope | None, status: int, detail: str, operation: str | None = None, *, gist: str | None = None
) -> None:
    """Log a request that is refused with `status`: one line, with the `gist` of its detail if there is one.

    Without a scope, the line has no method and no path. Requests without a key and for unknown paths are logged at
    level debug: scanners send them all day.
    """
    write = log.debug if operation is None and status in (401, 404) else log.info
    write(
        "a request was refused",
        method=scope and scope["method"],
        path=scope and _TOKEN.sub(r"\1…", scope["path"])[:MOST_QUOTED],
        operation=operation,
        status=status,
        detail=without_values(detail) if gist is None else gist[:MOST_QUOTED],
    )


def without_values(detail: str) -> str:
    """The first line of a detail, shortened, with the values in it left out."""
    line = _VALUES.sub("…", detail.partition("\n")[0])
    return line if len(line) <= MOST_QUOTED else f"{line[:MOST_QUOTED]}…"
