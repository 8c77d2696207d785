"""A request and the whole answer to it, and ways to spoil the answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request line, and the whole answer to it."""

    method: str
    path: str
    status: int
    headers: dict[bytes, bytes]
    body: bytes
    query: bytes = b""

    @property
    def streams(self) -> bool:
        """Whether the answer is a stream of events."""
        return self.headers.get(b"content-type", b"").startswith(b"text/event-stream")

    @property
    def creates(self) -> bool:
        """Whether a run was created."""
        return self.method == "POST" and self.status == 200 and b"content-location" in self.headers

    def answers(self, pattern: str) -> bool:
        """Whether it is a success of an operation such as `GET /threads/[^/]+`."""
        return self.status < 300 and re.fullmatch(pattern, f"{self.method} {self.path}") is not None


@dataclass(frozen=True, slots=True)
class Request:
    """A request before the application has it."""

    method: str
    path: str
    headers: dict[bytes, bytes]
    body: bytes


Bug = Callable[[Exchange], Exchange]
"""Spoils the answer."""
Deafness = Callable[[Request], Request]
"""Spoils the request: the application acts on what it should have refused."""
JSON = {b"content-type": b"application/json"}


def in_stream(sent: Exchange, pattern: bytes, replacement: bytes) -> Exchange:
    """The exchange with something else in its stream."""
    return replace(sent, body=re.sub(pattern, replacement, sent.body)) if sent.streams else sent


def failed(sent: Exchange, status: int, body: dict[str, str]) -> Exchange:
    """The exchange with a failure for an answer."""
    headers = {name: value for name, value in sent.headers.items() if name == b"allow"}
    return replace(
        sent,
        status=status,
        headers=headers | JSON,
        body=json.dumps(body).encode() if sent.method != "HEAD" else b"",
    )


def changed(sent: Exchange, change: Callable[[Any], Any]) -> Exchange:
    """The exchange with another JSON document."""
    return replace(sent, body=json.dumps(change(json.loads(sent.body))).encode())


def without(sent: Exchange, key: str) -> Exchange:
    """The exchange with an object that lacks a key."""
    return changed(sent, lambda whole: {name: value for name, value in whole.items() if name != key})


def without_header(sent: Exchange, name: bytes) -> Exchange:
    """The exchange without a header."""
    return replace(sent, headers={key: value for key, value in sent.headers.items() if key != name})
