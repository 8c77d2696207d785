"""Every answer of a server passes these checks, or breaks the contract."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

from treadle.conformance.verdicts import Broken, require


def verify_error(status: int, content: bytes) -> None:
    """Every failure, declared or not, has a body `{"detail": "…"}` that says something."""
    try:
        body = json.loads(content)
    except ValueError:
        raise Broken(f"the body of a {status} is not JSON: {content[:80]!r}") from None
    require(
        isinstance(body, dict) and list(body) == ["detail"],
        f'the body of a {status} is not {{"detail": …}}: {body!r:.200}',
    )
    detail = body["detail"]
    require(isinstance(detail, str) and detail.strip(), f"the detail of a {status} is {detail!r:.200}")


def run_of(location: str | None) -> str | None:
    """The id of the run in a Location or Content-Location."""
    found = re.search(r"/runs/([^/]+)", location or "")
    return found and found[1]


def links(locations: Mapping[str, str | None], served: Iterable[str]) -> list[tuple[str, str]]:
    """(header, path) of each link of a created run that leads to one of the served paths."""
    readable = [re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)) for path in served]
    followed = []
    for header, location in locations.items():
        if location is None:
            continue
        path = urlsplit(location).path
        run = f"/runs/{run_of(location)}"
        for candidate in dict.fromkeys([path, run]):
            if any(template.fullmatch(candidate) for template in readable):
                followed.append((header, candidate))
    return followed


def verify_link(header: str, path: str, status: int, *, kept: bool) -> None:
    """A path in the headers is found, unless it ended with its thread."""
    # The thread of a `delete` run ends with it, and the run's place under its thread too (recorded).
    gone = not kept and re.fullmatch(r"/threads/[^/]+/runs/[^/]+", path)
    require(status == 200 or (gone and status == 404), f"{header}: GET {path} gave {status}")
