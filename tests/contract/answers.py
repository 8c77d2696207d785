"""Checks of answers that go beyond the contract: the exact media types of Treadle, and its pages for browsers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.contract.document import assistant_id
from treadle.conformance.answers import verify_error

MEDIA_TYPES = ("application/json", "text/event-stream; charset=utf-8")
PAGE = "text/html; charset=utf-8"


def verify_media_type(content_type: str | None, content: bytes) -> None:
    """An answer with a body is JSON or a stream of events, and its content-type has exactly one spelling."""
    if content or content_type:
        assert content_type in MEDIA_TYPES, f"content-type is {content_type!r}, not one of {MEDIA_TYPES}"


def verify_challenge(status: int, headers: Mapping[str, str], content: bytes) -> None:
    """A request without a key is refused, and told how to send one."""
    assert status == 401, f"without a key the answer is {status}"
    verify_error(status, content)
    assert headers.get("www-authenticate"), "the header WWW-Authenticate of a 401 is missing"


def verify_page(content_type: str | None, content: bytes) -> None:
    """A browser gets a whole page."""
    assert content_type == PAGE, f"content-type is {content_type!r}, not {PAGE!r}"
    text = content.decode()
    assert text.startswith("<!doctype html>") and text.endswith("</html>\n"), f"no whole page: {text[:80]!r}"


def verify_batch(asked: Sequence[dict[str, Any]], runs: Sequence[dict[str, Any]]) -> None:
    """Each run of a batch is answered with its record, at its place."""
    assert len(runs) == len(asked), f"{len(runs)} runs came of {len(asked)} that were asked for"
    for position, (wanted, run) in enumerate(zip(asked, runs, strict=True)):
        named = wanted["assistant_id"]
        assert run["assistant_id"] in (named, assistant_id(named)), (
            f"the order is another: run {position} is one of {run['assistant_id']}, not of {named}"
        )
