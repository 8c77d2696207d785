"""The author's own application (`http.app`): its routes, its middleware and its lifespan.

All of it runs on the graphs' home loop, as its resources, such as a pool of connections, are those of the graphs too.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial
from typing import Any, Final

import structlog
from starlette.applications import Starlette
from starlette.authentication import AuthCredentials
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Receive, Scope, Send

from treadle.errors import GraphError, TreadleError
from treadle.graphs.event_loops import GraphLoop, on_loop
from treadle.graphs.opened import Opened
from treadle.web.addresses import route_path
from treadle.web.binding import BodyLimit, read_body
from treadle.web.refusals import note_refusal
from treadle.web.replies import Failure
from treadle.web.rights import RIGHTS, Guard, replayed

REST: Final = "treadle.rest"
"""Where a request on its way through the author's application has what comes after it."""
OURS: Final = ("/ok", "/info", "/openapi.json")
"""Paths that no route of the author's takes: they say whether the server is there, and what it serves."""
log = structlog.get_logger("treadle.web")


class CustomApp:
    """A Starlette or FastAPI application; its lifespan lasts from `start` to `close`."""

    def __init__(self, app: Any, where: str, home: GraphLoop) -> None:
        if not isinstance(app, Starlette):  # FastAPI's applications are Starlette's
            kind = type(app).__name__
            raise GraphError(f"{where}: this is of type {kind}, and no application of Starlette or FastAPI; name one")
        self._app = app
        self._home = home
        self._own = [route for route in app.router.routes if not isinstance(route, _Rest)]
        app.router.routes[:] = [*self._own, _Rest()]
        self._state: dict[str, Any] = {}
        self._lifespan = Opened[Any](self._enter, f"{where}: its lifespan", home)

    async def start(self) -> None:
        """Run the first half of the lifespan. Raises GraphError if it fails."""
        self._state = dict(await self._lifespan.open() or {})

    async def close(self) -> None:
        """Run the second half of the lifespan."""
        await self._lifespan.close()

    async def _enter(self, stack: AsyncExitStack) -> Any:
        return await stack.enter_async_context(self._app.router.lifespan_context(self._app))

    def takes(self, scope: Scope) -> bool:
        """Whether a route of the author's takes the request."""
        return route_path(scope) not in OURS and any(route.matches(scope)[0] is Match.FULL for route in self._own)

    def is_passed(self, scope: Scope) -> bool:
        """Whether the request comes through the author's application: to a route of it, or through its middleware."""
        if scope["type"] != "http" or route_path(scope) in OURS:
            return False
        return bool(self._app.user_middleware) or self.takes(scope)

    async def __call__(self, scope: Scope, receive: Receive, send: Send, rest: ASGIApp) -> None:
        """Answer a request; `rest` answers those that no route takes, on the loop of the caller."""
        here, home = asyncio.get_running_loop(), self._home.loop

        async def onwards(scope: Scope, receive: Receive, send: Send) -> None:
            """What middleware calls. Its own `receive` and `send` wake objects of its loop, so they run there."""
            await on_loop(here, rest, scope, partial(on_loop, home, receive), partial(on_loop, home, send))

        state = {**self._state, **scope.get("state", {})}
        passed = {**scope, "state": state, REST: onwards}
        await on_loop(home, self._app, passed, partial(on_loop, here, receive), partial(on_loop, here, send))


class WithCustomApp:
    """ASGI middleware: requests that the author's application is to see come through it."""

    def __init__(
        self, app: ASGIApp, custom: CustomApp, *, guard: Guard | None, custom_auth: bool, auth_first: bool, limit: int
    ) -> None:
        """`guard` finds users: of requests to the author's routes, if they need one (`custom_auth`), and of all others
        before they come through the author's middleware (`auth_first`). It reads bodies of up to `limit` bytes.
        """
        self._app = app
        self._custom = custom
        self._guard = guard
        self._custom_auth = custom_auth
        self._auth_first = auth_first
        self._limit = BodyLimit(limit, "set by HTTP_MAX_REQUEST_BODY_BYTES")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._custom.is_passed(scope):
            await self._app(scope, receive, send)
            return
        try:
            needed = self._custom_auth if self._custom.takes(scope) else self._auth_first
            if self._guard is not None and needed:
                scope, receive = await self._authenticated(self._guard, scope, receive)
        except TreadleError as error:
            note_refusal(scope, error.status, str(error), gist=error.gist)
            await Failure(error.status, str(error), error.headers)(scope, receive, send)
            return
        try:
            await self._custom(scope, receive, send, self._app)
        except Exception as error:  # Starlette answers with 500, and raises what the author's code raised
            log.error("the application of http.app failed", path=scope["path"], exc_info=error)

    async def _authenticated(self, guard: Guard, scope: Scope, receive: Receive) -> tuple[Scope, Receive]:
        """The request with its user, as Starlette has it, and with its body to be read again."""
        body = None
        if guard.authentication.reads_body:
            body = await read_body(receive, dict(scope["headers"]), self._limit)
            receive = replayed(body, receive)
        rights = await guard.rights(scope, body)
        assert rights.user is not None
        state = {**scope.get("state", {}), RIGHTS: rights}
        return {**scope, "state": state, "user": rights.user, "auth": AuthCredentials(rights.user.permissions)}, receive


class _Rest(BaseRoute):
    """The last route of the author's application. It takes the requests that no other route takes."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        return (Match.FULL if REST in scope else Match.NONE), {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        await scope[REST](scope, receive, send)
