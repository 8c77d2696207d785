"""Connects operations with handlers: an endpoint validates a request, then calls the handler with typed values.

The contract's JSON Schemas alone decide whether a request is valid. They are compiled once. Their error is the text of
the refusal. A valid body is loaded into the generated model, which is only a typed view of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from math import inf
from time import perf_counter
from typing import Any, Generic, Protocol, TypeVar
from urllib.parse import quote

import orjson
import structlog
from jsonschema_rs import Registry, ValidationError, validator_for
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send

from treadle.encoding import decode
from treadle.encryption.contexts import HEADER, RequestContexts
from treadle.errors import BodyTooLarge, InvalidRequest, ShuttingDown, TreadleError
from treadle.graphs.http_config import HeaderPatterns
from treadle.web.access import INSIDE, caller_of
from treadle.web.parameters import ParameterReader
from treadle.web.refusals import note_refusal
from treadle.web.replies import Failure, Reply
from treadle.web.rights import OPEN, Guard, Rights, caller_name
from treadle.web.verdicts import explained, gist
from treadle_api.operations import Operation

B = TypeVar("B")
P = TypeVar("P")
R = TypeVar("R")
CONTRACT = "urn:treadle:contract"
RETRY_LATER = {"retry-after": "1"}
log = structlog.get_logger("treadle.web")


@dataclass(frozen=True, slots=True)
class Call(Generic[B, P]):
    """One request: the typed body and parameters, and the JSON document as it came."""

    body: B
    parameters: P
    document: Any
    headers: Mapping[bytes, bytes]
    received_at: float
    """Seconds since the epoch."""
    size: int
    """Bytes of the body."""
    scope: Scope
    caller: str = ""
    """The API key that it came with, and the user if there are users; empty where none is needed."""
    rights: Rights = OPEN
    """What its user may do."""

    @property
    def unknown(self) -> list[str]:
        """Names in the body that its schema does not have."""
        return [name for name in self.document or () if name not in type(self.body).model_fields]  # type: ignore[attr-defined]

    def header(self, name: bytes) -> str | None:
        """A header by its lower-case name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")

    def matching_headers(self, patterns: HeaderPatterns) -> dict[str, str]:
        """The headers that match, by their lower-case names."""
        if not patterns.includes:
            return {}
        named = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in self.headers.items())
        return {name: value for name, value in named if patterns.match(name)}


class Validator(Protocol):
    """A compiled JSON Schema."""

    def validate(self, instance: Any) -> None: ...


class Failing(Protocol):
    """How an operation answers a request that failed."""

    def __call__(self, scope: Scope, status: int, detail: str, headers: Mapping[str, str]) -> Reply[Any]: ...


def read_json(body: bytes, headers: Mapping[bytes, bytes]) -> Any:
    """The JSON document in a body, with any content type (recorded)."""
    return decode(body)


def in_json(scope: Scope, status: int, detail: str, headers: Mapping[str, str]) -> Reply[Any]:
    """The answer to a failure, for any `Accept` header (recorded)."""
    return Failure(status, detail, headers)


@dataclass(frozen=True, slots=True)
class Binding:
    """An operation and its handler."""

    operation: Operation[Any, Any, Any]
    handler: Callable[[Call[Any, Any]], Awaitable[Reply[Any]]]
    max_body_bytes: float = inf
    read: Callable[[bytes, Mapping[bytes, bytes]], Any] = read_json
    failure: Failing = in_json


def bind(
    operation: Operation[B, P, R],
    handler: Callable[[Call[B, P]], Awaitable[Reply[R]]],
    *,
    max_body_bytes: float = inf,
    read: Callable[[bytes, Mapping[bytes, bytes]], Any] = read_json,
    failure: Failing = in_json,
) -> Binding:
    """Tie an operation to a handler of its own types: mypy refuses any other.

    Its bodies may be limited to fewer bytes than those of other operations. Where the contract declares more than JSON,
    `read` makes the document from a body and its headers, and `failure` the answer to a request that failed.
    """
    return Binding(operation, handler, max_body_bytes, read, failure)


class Contract:
    """The served OpenAPI document, from which validators are compiled."""

    def __init__(self, document: dict[str, Any]) -> None:
        self.document = document
        parts = {key: document[key] for key in ("components", "paths")}
        # One copy for all validators: each would otherwise hold the whole document, a megabyte of it.
        self._schemas = Registry([(CONTRACT, parts)])

    @classmethod
    def load(cls) -> Contract:
        """The document of the operations that this version serves."""
        return cls(orjson.loads(files("treadle_api").joinpath("openapi.json").read_bytes()))

    def validator(self, pointer: str) -> Validator:
        """The validator of the schema at a JSON pointer."""
        # A $ref is a URI: the braces of a path have to be percent-encoded in it.
        reference = CONTRACT + quote(pointer, safe="#/~")
        compiled: Validator = validator_for({"$ref": reference}, registry=self._schemas)
        return compiled


class Endpoint:
    """The ASGI application of one bound operation. Every failure leaves it as `{"detail": "…"}`, or as bound."""

    def __init__(
        self,
        binding: Binding,
        contract: Contract,
        *,
        clock: Callable[[], float],
        max_body_bytes: int,
        guard: Guard | None = None,
        contexts: RequestContexts | None = None,
    ) -> None:
        operation = binding.operation
        self._clock = clock
        self._guard = guard
        self._contexts = contexts
        self.operation = operation
        self._handler = binding.handler
        self._read_body = binding.read
        self._failure = binding.failure
        self._limit = BodyLimit(max_body_bytes, "set by HTTP_MAX_REQUEST_BODY_BYTES")
        if binding.max_body_bytes < max_body_bytes:
            self._limit = BodyLimit(int(binding.max_body_bytes), "which this operation has whatever the settings")
        self._judge = contract.validator(operation.body_pointer) if operation.body_pointer else None
        self._parameters = ParameterReader(operation, contract.validator)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply: Reply[Any]
        started = perf_counter()
        try:
            call = await self._read(scope, receive)
            judged = perf_counter()
            reply = await self._handler(call)
            reply.timed({"read": judged - started, "handle": perf_counter() - judged})
        except ClientDisconnect:
            return
        except asyncio.CancelledError:  # the server does not wait for an answer any longer
            reply = self._failure(scope, 503, str(ShuttingDown()), RETRY_LATER)
        except TreadleError as error:
            if error.status == 500:
                log.error("request failed", operation=self.operation.name, exc_info=error)
            else:
                note_refusal(scope, error.status, str(error), self.operation.name, gist=error.gist)
            headers = {**(RETRY_LATER if error.status == 503 else {}), **error.headers}
            reply = self._failure(scope, error.status, str(error), headers)
        except Exception as error:  # a defect: answered like any failure, and the connection goes on
            log.error("request failed", operation=self.operation.name, exc_info=error)
            reply = self._failure(scope, 500, "Internal Server Error", {})
        await (reply.head(send) if scope["method"] == "HEAD" else reply(scope, receive, send))

    async def _read(self, scope: Scope, receive: Receive) -> Call[Any, Any]:
        received_at = self._clock()
        headers = dict(scope["headers"])
        body, document, typed, rights = None, None, None, OPEN
        if self._guard is not None:  # before anything is said about the request
            if self._guard.authentication.reads_body:
                body = await read_body(receive, headers, self._limit)
            rights = await self._guard.rights(scope, body)
        if self._contexts is not None:
            await self._contexts.enter(headers.get(HEADER), rights.user, inside=caller_of(scope) == INSIDE)
        parameters = self._parameters.read(scope["path_params"], scope["query_string"], headers)
        if self._judge is not None:
            body = await read_body(receive, headers, self._limit) if body is None else body
            if body or self.operation.body_required:
                document = judge(self._judge, self._read_body(body, headers))
                typed = self.operation.load_body(document)
        caller = caller_name(caller_of(scope), rights.user)
        return Call(typed, parameters, document, headers, received_at, len(body or b""), scope, caller, rights)


def judge(validator: Validator, document: Any) -> Any:
    """The document, if the contract accepts it. Raises InvalidRequest (422) with the validator's own text."""
    try:
        validator.validate(document)
    except ValidationError as error:
        raise InvalidRequest(explained(error), gist=gist(error)) from None
    return document


@dataclass(frozen=True, slots=True)
class BodyLimit:
    """How many bytes a body may have."""

    most: int
    decided_by: str
    """The setting that changes the limit, or the reason for it."""

    def refusal(self) -> BodyTooLarge:
        """The error for a larger body."""
        return BodyTooLarge(f"Request body too large (limit: {self.most} bytes, {self.decided_by})")


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: BodyLimit) -> bytes:
    """The whole request body.

    Raises BodyTooLarge (413) as soon as it is known to be over the limit, ClientDisconnect if the rest does not come.
    """
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit.most:
        raise limit.refusal()
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnect
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > limit.most:
            raise limit.refusal()
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
