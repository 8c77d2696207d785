"""`langgraph_sdk.get_client()` without a URL: in a node it reaches this server, in the process, as the run's user."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any

from langchain_core.runnables.config import var_child_runnable_config
from langgraph_sdk._async import client as sdk
from langgraph_sdk.client import configure_loopback_transports
from starlette.types import ASGIApp, Receive, Scope, Send

from treadle.auth.authorization import Authorization
from treadle.graphs.event_loops import on_loop
from treadle.users import User
from treadle.web.access import inside
from treadle.web.rights import RIGHTS, Rights


class Loopback:
    """The application as nodes reach it, from the graphs' loops."""

    def __init__(self, build: Callable[[], ASGIApp], authorization: Authorization | None) -> None:
        """`build` makes the application, at the first request: few graphs need it."""
        self._build = build
        self._authorization = authorization
        self._loop = asyncio.get_running_loop()

    @cached_property
    def _app(self) -> ASGIApp:
        return self._build()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        here = asyncio.get_running_loop()
        state = inside(self._rights())
        passed = {**scope, "root_path": "", "state": state}
        await on_loop(self._loop, self._answer, passed, partial(on_loop, here, receive), partial(on_loop, here, send))

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def _rights(self) -> dict[str, Any]:
        """The rights of the user whose run asks; without `auth`, those of everybody."""
        config = var_child_runnable_config.get() or {}
        user = config.get("configurable", {}).get("langgraph_auth_user")
        return {RIGHTS: Rights(user, self._authorization)} if isinstance(user, User) else {}

    def connect(self) -> None:
        """Let clients without a URL reach this application: those that modules have made, and those to come."""
        configure_loopback_transports(self)
        # The SDK has no other way for clients that are made later, as its own server is asked for by name.
        sdk._registered_transports = _Connected(self)  # type: ignore[attr-defined]


class _Connected(list[Any]):
    """Stands for the list in which the SDK notes transports without an application: each gets its own at once."""

    def __init__(self, app: Loopback) -> None:
        super().__init__()
        self._app = app

    def append(self, transport: Any) -> None:
        """Connect the transport. It is not kept: nodes may make a client in every run."""
        transport.app = self._app
