"""Request headers in the log (`http.logging_headers`)."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send
from structlog.contextvars import bound_contextvars

from treadle.graphs.http_config import HeaderPatterns


class LoggedHeaders:
    """ASGI middleware that adds the matching headers of a request to the log lines about it."""

    def __init__(self, app: ASGIApp, patterns: HeaderPatterns) -> None:
        self._app = app
        self._patterns = patterns

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        named = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in scope.get("headers") or ())
        with bound_contextvars(headers={name: value for name, value in named if self._patterns.match(name)}):
            await self._app(scope, receive, send)
