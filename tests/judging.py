"""Judges every answer of the servers under test by the document that they serve, whatever a test looks for in it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

import orjson
from jsonschema_rs import validator_for
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from treadle.conformance.contract import Contract

Json = dict[str, Any]
LONGEST = 1 << 20
"""Bytes of a body that is judged. Tests of large answers would take long to read them a second time."""

_found: list[str] = []


def found() -> list[str]:
    """What has been found since the last call."""
    taken = _found.copy()
    del _found[: len(taken)]
    return taken


class Judged:
    """An application whose answers are judged when they have been sent. What the document does not have is let through.

    An answer that is cut off, because its client left, is judged by its status and its headers alone.
    """

    def __init__(self, app: ASGIApp, document: Json, *, prefix: str = "", own_refusals: bool = False) -> None:
        """`own_refusals`: handlers of the configuration's author refuse requests, with any status, or fail (500)."""
        self._app = app
        self._judge = _judge(orjson.dumps(document))
        self._prefix = prefix
        self._own_refusals = own_refusals

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        operation = self._judge.operation(scope, self._prefix) if scope["type"] == "http" else None
        if operation is None:
            await self._app(scope, receive, send)
            return
        start: Message = {}
        content = bytearray()
        judged = False

        def judge(*, whole: bool) -> None:
            nonlocal judged
            judged = True
            if self._own_refusals and start["status"] >= 400 and not self._judge.declares(operation, start["status"]):
                return
            seen = bytes(content) if whole and scope["method"] != "HEAD" and len(content) <= LONGEST else None
            for problem in dict.fromkeys(self._judge.problems(operation, start, seen)):
                _found.append(f"{operation} got {start['status']}: {problem} ({scope['path']})")

        async def heard(message: Message) -> None:
            if message["type"] == "http.response.start":
                start.update(message)
            elif len(content) <= LONGEST:
                content.extend(message.get("body", b""))
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                judge(whole=True)  # before the client has it, or its test might be over
            await send(message)

        try:
            await self._app(scope, receive, heard)
        finally:
            if start and not judged:
                judge(whole=False)


class Judge:
    """A document, and its verdict on single answers."""

    def __init__(self, text: bytes) -> None:
        self._contract = Contract(text.decode())
        self._literal = {path: path for path in self._contract.document["paths"] if "{" not in path}
        # Where two of them fit, the one with fewer parameters is meant.
        templates = sorted((path for path in self._contract.document["paths"] if "{" in path), key=_parameters)
        self._templates = [(re.compile(re.sub(r"\{[^}]+\}", "[^/]+", path)), path) for path in templates]
        self._headers: dict[tuple[str, str], Any] = {}

    def operation(self, scope: Scope, prefix: str) -> str | None:
        """The operation that a request is for; None if the document has none."""
        path = scope["path"].removeprefix(prefix)
        template = self._literal.get(path) or next((name for form, name in self._templates if form.fullmatch(path)), "")
        label = f"{'GET' if scope['method'] == 'HEAD' else scope['method']} {template}"
        return label if label in self._contract.pointers else None

    def declares(self, operation: str, status: int) -> bool:
        """Whether an operation may have a status."""
        return self._declared(operation, status) is not None

    def problems(self, operation: str, start: Message, content: bytes | None) -> Iterator[str]:
        """What is wrong with an answer; without its content, with the rest of it."""
        status: int = start["status"]
        declared = self._declared(operation, status)
        headers = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
        if declared is None:
            yield "the status is not declared"
            return
        yield from self._of_headers(declared.get("headers", {}), f"{operation} {status}", headers)
        page = headers.get("content-type", "").startswith("text/html") and "text/html" in declared.get("content", {})
        if content is not None and not page:
            faults = self._contract.faults(operation, status, headers, content)
            yield from (fault.problem for fault in faults if not fault.problem.startswith("the server fails with"))

    def _declared(self, operation: str, status: int) -> Json | None:
        method, _, path = operation.partition(" ")
        responses: Json = self._contract.document["paths"][path][method.lower()]["responses"]
        return responses.get(str(status))

    def _of_headers(self, declared: Json, answer: str, headers: dict[str, str]) -> Iterator[str]:
        for name, header in declared.items():
            value = headers.get(name.lower())
            if value is None:
                if header.get("required"):
                    yield f"the header {name} is missing"
                continue
            schema = header["schema"]
            sent = json.loads(value) if schema.get("type") == "integer" and value.isdecimal() else value
            if (answer, name) not in self._headers:
                self._headers[answer, name] = validator_for(schema)
            if not self._headers[answer, name].is_valid(sent):
                yield f"the header {name} is {value!r}, and {schema} is declared"


@lru_cache(maxsize=32)
def _judge(text: bytes) -> Judge:
    """One for all servers that publish the same."""
    return Judge(text)


def _parameters(path: str) -> int:
    return path.count("{")
