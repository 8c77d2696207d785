"""Reads the thread, checkpoint and filters from a request for states as it was sent."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.contract.states import Asked

Json = dict[str, Any]
# The most states that are sent without a limit in the request.
DEFAULT_LIMITS = {"GET": 10, "POST": 1}


def asked_for(method: str, url: str, body: Json) -> Asked | None:
    """The parts of a request for states; None for any other request."""
    parts = urlsplit(url)
    found = re.fullmatch(r"/threads/([^/]+)/(state|history)(?:/([^/]+))?", parts.path)
    if found is None:
        return None
    thread_id, what, checkpoint_id = found.groups()
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if value]
    given = body if method == "POST" else _of_query(query)
    checkpoint = given.get("checkpoint") or {}
    if checkpoint_id is None or checkpoint_id == "checkpoint":
        checkpoint_id = checkpoint.get("checkpoint_id") or None
    if what == "state":
        return Asked(thread_id, checkpoint_id, checkpoint.get("checkpoint_ns", ""), select=given.get("select"))
    before = given.get("before")
    return Asked(
        thread_id,
        checkpoint_id,
        checkpoint.get("checkpoint_ns", ""),
        limit=given.get("limit", DEFAULT_LIMITS[method]),
        before=before.get("checkpoint_id") if isinstance(before, dict) else before,
        metadata=given.get("metadata"),
        select=given.get("select"),
    )


def _of_query(query: list[tuple[str, str]]) -> Json:
    given: Json = {name: value for name, value in query if name == "before"}
    limits = [value for name, value in query if name == "limit" and value.isdecimal()]
    if limits:
        given["limit"] = int(limits[-1])
    texts = [value for name, value in query if name == "select"]
    if texts:
        given["select"] = [name for text in texts for name in _names(text)]
    return given


def _names(text: str) -> list[str]:
    """The names in one parameter: a JSON array, or a list separated by commas."""
    if text.startswith("["):
        names: list[str] = json.loads(text)
        return names
    return [name for name in text.split(",") if name]
