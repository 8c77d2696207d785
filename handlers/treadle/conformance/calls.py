"""Requests to the server under test, and its answers."""

from __future__ import annotations

import json
import shlex
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any
from urllib.parse import urlencode, urljoin, urlsplit

import httpx

from treadle.conformance import streams
from treadle.conformance.verdicts import Broken

ABSENT = object()


@dataclass(frozen=True, slots=True)
class Call:
    """One request."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    content: bytes | None = None

    @classmethod
    def of(cls, method: str, path: str, *, body: Any = ABSENT, **parts: Any) -> Call:
        """A request with a JSON body, if there is one."""
        content = None if body is ABSENT else json.dumps(body, ensure_ascii=False).encode()
        return cls(method, path, content=content, **parts)

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    def sent_headers(self) -> dict[str, str]:
        """The headers of this request alone."""
        return {**({"content-type": "application/json"} if self.content is not None else {}), **self.headers}


@dataclass(frozen=True)
class Answer:
    """The whole answer to a request."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @cached_property
    def json(self) -> Any:
        """The JSON of the body. Raises Broken if it is none."""
        try:
            return json.loads(self.content)
        except ValueError:
            raise Broken(f"the body is not JSON: {self.content[:80]!r}") from None

    @cached_property
    def events(self) -> list[streams.Event]:
        """The events of the body. Raises Broken if it is no stream."""
        return streams.read(self.content)

    @property
    def detail(self) -> str:
        """The text of a refusal."""
        try:
            return str(json.loads(self.content)["detail"])
        except (ValueError, LookupError, TypeError):
            return self.content[:200].decode(errors="replace")


class Caller:
    """Sends requests to one server, each with the given headers."""

    def __init__(self, url: str, headers: Mapping[str, str], timeout: float) -> None:
        self.url = url.rstrip("/")
        self._headers = dict(headers)
        self._timeout = timeout
        self._client = httpx.Client(headers=self._headers, timeout=httpx.Timeout(timeout, connect=10.0))

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def send(self, call: Call) -> Answer:
        """The whole answer. Raises Broken if it breaks off or does not end, and OSError without a connection."""
        content = bytearray()
        with self.open(call) as response:
            deadline = time.monotonic() + self._timeout
            for chunk in response.iter_bytes():
                content += chunk
                if time.monotonic() > deadline:
                    raise Broken(f"the answer does not end within {self._timeout:g} seconds")
        return Answer(response.status_code, response.headers, bytes(content))

    @contextmanager
    def open(self, call: Call) -> Iterator[httpx.Response]:
        """An answer of which only the head has been read. To leave the block closes its connection."""
        url = urljoin(f"{self.url}/", call.path.lstrip("/"))
        options: dict[str, Any] = {
            "headers": call.sent_headers(),
            "content": call.content,
            "params": call.query or None,
        }
        try:
            with self._client.stream(call.method, url, **options) as response:
                yield response
        except httpx.ConnectError as error:
            raise OSError(f"{self.url} cannot be reached: {error}") from None
        except httpx.TimeoutException:
            raise Broken(f"the answer does not end: nothing comes for {self._timeout:g} seconds") from None
        except httpx.HTTPError as error:
            raise Broken(f"the connection ends inside the answer: {error}") from None

    def within(self, location: str) -> str:
        """The path of a location, below the URL of the server."""
        path = urlsplit(location).path
        return path.removeprefix(urlsplit(self.url).path)

    def curl(self, call: Call) -> str:
        """A command that repeats the request. Given headers are left to variables: they may hold keys."""
        words = ["curl", "-sN", "-X", call.method, f"{self.url}{call.target}"]
        for name, value in call.sent_headers().items():
            words += ["-H", f"{name}: {value}"]
        if call.content is not None:
            words += ["-d", call.content.decode()]
        given = [f'-H "{name}: ${name.upper().replace("-", "_")}"' for name in self._headers]
        return " ".join([shlex.join(words), *given])
