"""Checks that every answer of the server must pass, whatever its status."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from urllib.parse import urlsplit

MEDIA_TYPES = ("application/json", "text/event-stream; charset=utf-8")
PAGE = "text/html; charset=utf-8"


def verify_media_type(content_type: str | None, content: bytes) -> None:
    """An answer with a body is JSON or a stream of events, and its content-type has exactly one spelling."""
    if content or content_type:
        assert content_type in MEDIA_TYPES, f"content-type is {content_type!r}, not one of {MEDIA_TYPES}"


def verify_page(content_type: str | None, content: bytes) -> None:
    """A browser gets a whole page."""
    assert content_type == PAGE, f"content-type is {content_type!r}, not {PAGE!r}"
    text = content.decode()
    assert text.startswith("<!doctype html>") and text.endswith("</html>\n"), f"no whole page: {text[:80]!r}"


def verify_error(status: int, content: bytes) -> None:
    """Every failure, declared or not, has a body `{"detail": "…"}` that says something."""
    try:
        body = json.loads(content)
    except ValueError:
        raise AssertionError(f"the body of a {status} is not JSON: {content[:80]!r}") from None
    assert isinstance(body, dict) and list(body) == ["detail"], f'a {status} is not {{"detail": …}}: {body!r:.200}'
    detail = body["detail"]
    assert isinstance(detail, str) and detail.strip(), f"the detail of a {status} is {detail!r:.200}"


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
    assert status == 200 or (gone and status == 404), f"{header}: GET {path} gave {status}"
