"""One call of an operation. It makes the request, and reads the answer; it sends nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Generic, Literal, Protocol, TypedDict, TypeVar, cast
from uuid import uuid4

import httpx
import msgspec

from treadle_client.documents import plain, typed
from treadle_client.errors import NotJSON, RunFailed, UnexpectedAnswer

T = TypeVar("T")
ERROR: Final = "__error__"
"""The key of an output that says why the run failed."""


class IncompleteAnswer(Exception):
    """An answer that lasts as long as its run ended before it was whole, as if its connection had been cut."""


class NotGiven:
    """The type of `NOT_GIVEN`."""

    def __repr__(self) -> str:
        return "NOT_GIVEN"

    def __bool__(self) -> Literal[False]:
        return False


NOT_GIVEN: Final = NotGiven()
"""The default of fields for which None is a value of its own: JSON's null."""


class Options(TypedDict, total=False):
    """What every method takes beside the fields of its operation."""

    extra_headers: Mapping[str, str]
    """Headers that are sent as well; they replace the client's own."""
    extra_query: Mapping[str, str]
    """Parameters of the query that are sent as well."""
    extra_body: Mapping[str, Any]
    """Fields of the body that are sent as well; they replace those of the same name."""
    timeout: float | httpx.Timeout | None
    """Seconds, in place of the client's `timeout`; None waits without end."""
    max_retries: int
    """In place of the client's `max_retries`."""


class Body(Protocol):
    """A model of a request body, as openapi-python-client makes it."""

    @classmethod
    def from_dict(cls, src_dict: Mapping[str, Any]) -> Any:
        """Load it."""


def given(**fields: Any) -> dict[str, Any]:
    """The fields that are not NOT_GIVEN."""
    return {name: value for name, value in fields.items() if value is not NOT_GIVEN}


def named(**fields: Any) -> dict[str, Any]:
    """The fields that are not None."""
    return {name: value for name, value in fields.items() if value is not None}


@dataclass(frozen=True, slots=True)
class Call(Generic[T]):
    """An operation with its arguments."""

    build: Callable[..., dict[str, Any]]
    """The generated request builder."""
    arguments: dict[str, Any] = field(default_factory=dict)
    """Of the path, the query and the headers."""
    body: Any = None
    """The fields of the body, or a list of bodies; None without a body."""
    model: type[Body] | None = None
    """What the body is loaded into; None sends it as it is."""
    result: Any = None
    """The type of the answer; None for an answer without content."""
    repeatable: bool = False
    """Whether the method is safe to send again: GET, PUT, DELETE."""
    keyed: bool = False
    """Whether an `Idempotency-Key` makes it safe."""
    lasting: bool = False
    """Whether the answer may take as long as a run; heartbeats show that it lives."""
    may_be_accepted: bool = False
    """Whether the contract has a 202 without content beside the answer with a document."""

    def prepare(self, options: Options) -> Prepared[T]:
        """The request. Raises TypeError for an option that does not exist, and for a field of the wrong type.

        NotJSON is such a TypeError.
        """
        if unknown := sorted(set(options) - set(Options.__annotations__)):
            raise TypeError(f"there is no argument {unknown[0]!r}; what the contract lacks goes into extra_body")
        arguments = dict(self.arguments)
        repeatable = self.repeatable
        if self.keyed:
            arguments.setdefault("idempotency_key", str(uuid4()))
            repeatable = True
        body = self.body
        if isinstance(body, dict):
            body = {**body, **options.get("extra_body", {})}
        elif "extra_body" in options:
            raise TypeError("extra_body is for operations whose body is an object")
        body = _as_json_has_it(body)
        if self.model is not None:
            arguments["body"] = self._loaded(body)
        request = self.build(**arguments)
        if self.model is None and body is not None:
            request["json"] = body
        if "extra_query" in options:
            request["params"] = {**request.get("params", {}), **options["extra_query"]}
        headers = httpx.Headers(request.get("headers", {}))
        if "json" in request:
            request["content"] = _encoded(request.pop("json"))
            headers["Content-Type"] = "application/json"
        headers.update(options.get("extra_headers", {}))
        request["headers"] = headers
        return Prepared(self, request, repeatable, self._cancelling(body))

    def _cancelling(self, body: Any) -> bool:
        leaving = isinstance(body, dict) and body.get("on_disconnect") == "cancel"
        return leaving or bool(self.arguments.get("cancel_on_disconnect"))

    def _loaded(self, body: Any) -> Any:
        assert self.model is not None
        try:
            return (
                [self.model.from_dict(item) for item in body] if isinstance(body, list) else self.model.from_dict(body)
            )
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise TypeError(f"a field has the wrong type: {error!r}") from error


@dataclass(frozen=True, slots=True)
class Prepared(Generic[T]):
    """A request that can be sent, as often as needed."""

    call: Call[T]
    request: dict[str, Any]
    safe: bool
    cancelling: bool = False
    """Whether a lost connection cancels the run: then a second attempt would only find what is left of it."""

    @property
    def repeatable(self) -> bool:
        """Whether it may be sent again when its answer is lost."""
        return self.safe and not self.cancelling

    def read(self, response: httpx.Response) -> T:
        """The typed answer. Raises RunFailed, or UnexpectedAnswer if the contract does not allow it."""
        if self.call.result is None or (self.call.may_be_accepted and response.status_code == 202):
            return cast(T, None)
        if response.status_code != 200 and not response.content:
            raise UnexpectedAnswer(response, "it has no document")
        try:
            document = json.loads(response.content)
        except (ValueError, RecursionError) as error:
            if self.call.lasting and _is_json(response):
                raise IncompleteAnswer(f"the answer is no JSON: {error}") from error
            raise UnexpectedAnswer(response, f"the answer is no JSON: {error}") from error
        if isinstance(document, dict) and isinstance(failure := document.get(ERROR), dict):
            raise RunFailed(str(failure.get("error")), str(failure.get("message")), run_id_of(response))
        try:
            return cast(T, typed(document, self.call.result))
        except msgspec.ValidationError as error:
            # In JSON 2.0 is an integer as well, and Python's parser makes a float of it.
            with suppress(msgspec.ValidationError):
                return cast(T, typed(_with_whole_numbers(document), self.call.result))
            raise UnexpectedAnswer(response, str(error)) from error


def _as_json_has_it(body: Any) -> Any:
    """Results, ids and times in it as JSON has them. Raises NotJSON."""
    try:
        return plain(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJSON(str(error)) from error


def _encoded(body: Any) -> bytes:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise NotJSON(str(error)) from error


def _is_json(response: httpx.Response) -> bool:
    return bool(response.headers.get("content-type", "application/json").startswith("application/json"))


def _with_whole_numbers(node: Any) -> Any:
    if isinstance(node, dict):
        return {key: _with_whole_numbers(value) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_whole_numbers(item) for item in node]
    return int(node) if isinstance(node, float) and node.is_integer() else node


def run_id_of(response: httpx.Response) -> str | None:
    """The run that an answer is about: `Content-Location` names it, or else the request's path."""
    for path in (response.headers.get("content-location", ""), response.request.url.path):
        parts = path.split("/")
        if "runs" in parts[:-1] and (found := parts[parts.index("runs") + 1]) not in ("wait", "stream", "batch"):
            return found
    return None
