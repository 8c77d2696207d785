"""An application with a route and a lifespan that opens what the graph uses."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from langgraph.graph import START, StateGraph
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from typing_extensions import TypedDict

pool: dict[str, asyncio.Semaphore] = {}


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Open the pool, and empty it at the end."""
    pool["connections"] = asyncio.Semaphore(1)
    yield
    pool.clear()


async def health(request: Request) -> JSONResponse:
    """Say whether the pool is open."""
    async with pool["connections"]:
        return JSONResponse({"open": bool(pool)})


class State(TypedDict, total=False):
    """A text."""

    said: str


async def use(state: State) -> State:
    """Use the pool."""
    async with pool["connections"]:
        return {"said": "used"}


app = Starlette(routes=[Route("/health", health)], lifespan=lifespan)
graph = StateGraph(State).add_node(use).add_edge(START, "use").compile()
