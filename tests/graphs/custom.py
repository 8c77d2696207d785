"""A project with an application of its own: routes, middleware and a lifespan that its graph needs too."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from typing_extensions import TypedDict

resources: dict[str, Any] = {}
"""What the lifespan opens: an event that belongs to its loop, as a pool of connections does."""
received: list[dict[str, Any]] = []
"""Bodies of webhooks to this application."""


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Open what routes and graph share."""
    resources["lock"] = asyncio.Lock()
    resources["loop"] = asyncio.get_running_loop()
    app.state.opened = True
    yield {"word": "from the lifespan"}
    resources["closed"] = True


async def hello(request: Request) -> Response:
    """Say what a route sees of the server."""
    async with resources["lock"]:
        return JSONResponse(
            {
                "opened": request.app.state.opened,
                "word": request.state.word,
                "same_loop": asyncio.get_running_loop() is resources["loop"],
                "user": request.user.identity if "user" in request.scope else None,
            }
        )


async def echo(request: Request) -> Response:
    """Stream the body back in pieces."""

    body = b"".join([piece async for piece in request.stream()])

    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(body), 1000):
            yield body[at : at + 1000]

    return StreamingResponse(pieces())


async def hook(request: Request) -> Response:
    """Take a webhook."""
    received.append(await request.json())
    return Response(status_code=204)


async def failing(request: Request) -> Response:
    """Fail in one of two ways."""
    if request.query_params.get("how") == "refuse":
        raise HTTPException(418, "no")
    raise RuntimeError("a bug")


async def own_search(request: Request) -> Response:
    """Take the place of one of the server's operations."""
    return PlainTextResponse("mine")


class Stamp:
    """Middleware that adds a header to every answer, and one to every request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], (b"x-stamp", b"custom")]}
            await send(message)

        await self._app({**scope, "headers": [*scope["headers"], (b"x-team", b"blue")]}, receive, stamped)


routes = [
    Route("/hello", hello),
    Route("/echo", echo, methods=["POST"]),
    Route("/hook", hook, methods=["POST"]),
    Route("/failing", failing),
    Route("/assistants/search", own_search, methods=["POST"]),
    Route("/ok", own_search),
    Route("/info", own_search),
]
plain = Starlette(routes=routes, lifespan=lifespan)
stamping = Starlette(routes=routes, lifespan=lifespan, middleware=[Middleware(Stamp)])


class State(TypedDict, total=False):
    """What a run says."""

    said: dict[str, Any]


async def tell(state: State) -> dict[str, Any]:
    """Use what the lifespan has opened."""
    async with resources["lock"]:
        configurable = get_config()["configurable"]
        said = {key: configurable[key] for key in ("x-team", "x-user") if key in configurable}
        return {"said": {**said, "same_loop": asyncio.get_running_loop() is resources["loop"]}}


graph = StateGraph(State).add_node(tell).add_edge(START, "tell").compile()
