"""API keys: if any are configured, every request needs one, before anything else is read."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, Final

from starlette.routing import compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from treadle.keys import KeyRing
from treadle.web.addresses import route_path
from treadle.web.refusals import note_refusal
from treadle.web.replies import Failure
from treadle_api.operations import Operation

CALLER: Final = "caller"
"""Where the state of a request holds the name of its key."""
MOST_KEYS = 4
"""So many keys of a request are looked at: SDKs send one, and their users may add another."""
INSIDE: Final = "treadle"
"""The caller of requests that the server makes itself."""
NEEDED = "An API key is needed: send it as x-api-key, or as Authorization: Bearer"
REFUSED = "The API key is not valid"
_CHALLENGE = {"www-authenticate": "Bearer"}


class Access:
    """ASGI middleware. Without a valid key each path answers alike, be it served or not, and no body is read.

    A request whose state has a caller already comes `from_inside`: none from outside has a state.
    """

    def __init__(
        self,
        app: ASGIApp,
        keys: KeyRing,
        keyless: Iterable[Operation[Any, Any, Any]],
        is_open: Callable[[Scope], bool] | None = None,
    ) -> None:
        """`is_open`: which other requests need no key."""
        self._app = app
        self._opens = is_open
        self._keys = keys
        self._keyless = [(operation.method, compile_path(operation.path)[0]) for operation in keyless]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or caller_of(scope) or self._is_open(scope):
            await self._app(scope, receive, send)
            return
        presented = list(islice(_presented(scope["headers"]), MOST_KEYS))
        caller = self._keys.caller(presented)
        if caller is None:
            detail = REFUSED if presented else NEEDED
            note_refusal(scope, 401, detail)
            await Failure(401, detail, _CHALLENGE)(scope, receive, send)
            return
        scope.setdefault("state", {})[CALLER] = caller
        await self._app(scope, receive, send)

    def _is_open(self, scope: Scope) -> bool:
        method, path = "GET" if scope["method"] == "HEAD" else scope["method"], route_path(scope)
        keyless = any(method == allowed and pattern.match(path) for allowed, pattern in self._keyless)
        return keyless or (self._opens is not None and self._opens(scope))


def from_inside(app: ASGIApp) -> ASGIApp:
    """The application for requests by the server itself: the client that caused them has already shown a key."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        await app({**scope, "state": inside()}, receive, send)

    return call


def inside(more: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The state of a request that the server itself makes."""
    return {CALLER: INSIDE, **(more or {})}


def caller_of(scope: Scope) -> str:
    """The name of the key that a request came with; empty where none is needed."""
    name: str = scope.get("state", {}).get(CALLER, "")
    return name


def _presented(headers: Sequence[tuple[bytes, bytes]]) -> Iterator[bytes]:
    """What may be a key, `x-api-key` first: SDKs send that one by themselves, beside what their users add."""
    for name, value in sorted(headers, key=lambda header: header[0] != b"x-api-key"):
        if name == b"x-api-key":
            if key := value.strip():
                yield key
        elif name == b"authorization":
            scheme, _, token = value.partition(b" ")
            if scheme.lower() == b"bearer" and (key := token.strip()):
                yield key
