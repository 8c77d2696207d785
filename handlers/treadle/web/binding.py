"""`bind` ties an operation of the contract to its handler: body and parameters in, verdict, typed call, reply out.

The contract alone decides what is valid: its JSON Schemas are compiled once, and their verdict on the request's own
JSON is the answer's text. What passed is loaded into the generated model, which is only a typed view.
"""

from __future__ import annotations

import time
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
from starlette.types import Receive, Scope, Send

from treadle.encoding import decode
from treadle.errors import BodyTooLarge, InvalidRequest, TreadleError
from treadle.web.access import caller_of
from treadle.web.parameters import ParameterReader
from treadle.web.replies import Failure, Reply
from treadle_api.operations import Operation

B = TypeVar("B")
P = TypeVar("P")
R = TypeVar("R")
QUOTED = 1000
"""Characters of a long value that an error message quotes."""
REASON = 100
"""Characters behind such a value, which say what is wrong with it."""
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
    """The name of the API key that it came with; empty where none is needed."""

    @property
    def unknown(self) -> list[str]:
        """Names in the body that its schema does not have."""
        return [name for name in self.document if name not in type(self.body).model_fields]  # type: ignore[attr-defined]

    def header(self, name: bytes) -> str | None:
        """A header by its lower-case name."""
        value = self.headers.get(name)
        return None if value is None else value.decode("latin-1")


class Validator(Protocol):
    """A compiled JSON Schema."""

    def validate(self, instance: Any) -> None: ...


@dataclass(frozen=True, slots=True)
class Binding:
    """An operation and what answers it."""

    operation: Operation[Any, Any, Any]
    handler: Callable[[Call[Any, Any]], Awaitable[Reply[Any]]]
    max_body_bytes: float = inf


def bind(
    operation: Operation[B, P, R],
    handler: Callable[[Call[B, P]], Awaitable[Reply[R]]],
    *,
    max_body_bytes: float = inf,
) -> Binding:
    """Tie an operation to a handler of its own types: mypy refuses any other.

    Its bodies may be limited to fewer bytes than those of other operations.
    """
    return Binding(operation, handler, max_body_bytes)


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

    def published(self, *, needs_key: bool) -> dict[str, Any]:
        """The document as it is true of this server: that requests need a key, only if they do."""
        return {name: part for name, part in self.document.items() if needs_key or name != "security"}

    def validator(self, pointer: str) -> Validator:
        """The validator of the schema at a JSON pointer."""
        # A $ref is a URI: the braces of a path have to be percent-encoded in it.
        reference = CONTRACT + quote(pointer, safe="#/~")
        compiled: Validator = validator_for({"$ref": reference}, registry=self._schemas)
        return compiled


class Endpoint:
    """The ASGI application of one bound operation. Every failure leaves it as `{"detail": "…"}`."""

    def __init__(self, binding: Binding, contract: Contract, *, max_body_bytes: int) -> None:
        operation = binding.operation
        self.operation = operation
        self._handler = binding.handler
        self._limit = int(min(max_body_bytes, binding.max_body_bytes))
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
        except TreadleError as error:
            if error.status == 500:
                log.error("request failed", operation=self.operation.name, exc_info=error)
            reply = Failure(error.status, str(error), RETRY_LATER if error.status == 503 else None)
        except Exception as error:  # a defect: answered like any failure, and the connection goes on
            log.error("request failed", operation=self.operation.name, exc_info=error)
            reply = Failure(500, "Internal Server Error")
        await reply(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive) -> Call[Any, Any]:
        received_at = time.time()
        headers = dict(scope["headers"])
        parameters = self._parameters.read(scope["path_params"], scope["query_string"], headers)
        body, document = b"", None
        if self._judge is not None:
            body = await read_body(receive, headers, self._limit)
            document = judge(self._judge, decode(body))
        typed = self.operation.load_body(document)
        return Call(typed, parameters, document, headers, received_at, len(body), scope, caller_of(scope))


def judge(validator: Validator, document: Any) -> Any:
    """The document, if the contract accepts it. Raises InvalidRequest (422) with the validator's own text."""
    try:
        validator.validate(document)
    except ValidationError as error:
        raise InvalidRequest(_shortened(str(error))) from None
    return document


def _shortened(text: str) -> str:
    """The validator quotes the value whole, before it says what is wrong and after it names the field."""
    if len(text) <= 4 * QUOTED:
        return text
    before, separator, after = text.partition("\n\nFailed validating")
    wrong = f"…{before[-REASON:]}" if len(before) > QUOTED + REASON else before[QUOTED:]
    return f"{before[:QUOTED]}{wrong}{separator}{after[:QUOTED]}…"


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], limit: int) -> bytes:
    """The whole request body. Raises BodyTooLarge (413) as soon as it is known to be over `limit` bytes."""
    declared = headers.get(b"content-length", b"")
    if declared.isdigit() and int(declared) > limit:
        raise BodyTooLarge(f"Request body too large (limit: {limit} bytes)")
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise InvalidRequest("The client left before its request was complete")
        part = message.get("body", b"")
        more = message.get("more_body", False)
        size += len(part)
        if size > limit:
            raise BodyTooLarge(f"Request body too large (limit: {limit} bytes)")
        parts.append(part)
    return parts[0] if len(parts) == 1 else b"".join(parts)
