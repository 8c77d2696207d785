"""A factory that opens what a run needs, and nothing when the graph is only looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from langgraph.graph import START, StateGraph
from langgraph_sdk.runtime import ServerRuntime
from typing_extensions import TypedDict

opened: list[str] = []


@dataclass
class Context:
    """Which tools to open."""

    tools: str = "none"


class State(TypedDict, total=False):
    """The tools that are open."""

    tools: list[str]


@asynccontextmanager
async def make(runtime: ServerRuntime[Context]) -> AsyncIterator[Any]:
    """Open the tools of the run for as long as it lasts."""
    running = runtime.execution_runtime
    if running is not None:
        opened.append(running.context.tools)
    graph = StateGraph(State, context_schema=Context)
    graph.add_node("list", lambda state: {"tools": list(opened)})
    yield graph.add_edge(START, "list")
    opened.clear()
