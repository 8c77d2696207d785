"""Graphs whose output shows what a server made of a request. `treadle conform --graphs DIR` writes this file."""

from __future__ import annotations

import asyncio
import operator
from typing import Annotated, Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.graph import END, START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Context(TypedDict, total=False):
    """The runtime context of the echo."""

    conform: Any


class Echo(TypedDict, total=False):
    """An input, and what the run was called with."""

    given: Any
    seen: dict[str, Any]


async def answer(state: Echo, config: RunnableConfig, runtime: Runtime[Context]) -> Echo:
    """Return what the run sees of its request."""
    return {
        "seen": {
            "configurable": config.get("configurable", {}).get("conform"),
            "metadata": config.get("metadata", {}).get("conform"),
            "tags": list(config.get("tags") or []),
            "context": (runtime.context or {}).get("conform"),
        }
    }


class Steps(TypedDict, total=False):
    """The nodes that have run, and the messages of a model."""

    trail: Annotated[list[str], operator.add]
    messages: Annotated[list[AnyMessage], add_messages]


async def first(state: Steps) -> Steps:
    """Send two events of the graph's own."""
    write = get_stream_writer()
    write({"progress": 1})
    write({"progress": 2})
    return {"trail": ["first"]}


async def model(state: Steps) -> Steps:
    """Answer token by token."""
    chat = GenericFakeChatModel(messages=iter([AIMessage("alpha beta gamma")]))
    return {"trail": ["model"], "messages": [await chat.ainvoke("conform")]}


async def inside(state: Steps) -> Steps:
    """The only node of the subgraph."""
    return {"trail": ["inside"]}


async def aside(state: Steps) -> Steps:
    """Run only for a command that goes here."""
    return {"trail": ["aside"]}


async def fail(state: Echo) -> Echo:
    """Fail with a text."""
    raise ValueError("conform")


async def ask(state: Echo) -> Echo:
    """Wait for a person."""
    return {"given": interrupt({"question": "conform"})}


class Pause(TypedDict, total=False):
    """How long a run lasts."""

    seconds: float
    done: bool


async def pause(state: Pause) -> Pause:
    """Say that it begins, and sleep."""
    get_stream_writer()({"sleeping": True})
    await asyncio.sleep(state.get("seconds", 0.0))
    return {"done": True}


def _single(node: Any, state: Any, **options: Any) -> Any:
    return StateGraph(state, **options).add_node(node).add_edge(START, node.__name__).compile()


def _steps() -> Any:
    inner = StateGraph(Steps, output_schema=Steps).add_node(inside).add_edge(START, "inside").compile()

    async def nested(state: Steps) -> Steps:
        return {"trail": (await inner.ainvoke({"trail": []}))["trail"]}

    graph = StateGraph(Steps)
    graph.add_sequence([first, model, nested])
    graph.add_edge(START, "first")
    graph.add_node(aside)
    graph.add_edge("aside", END)
    return graph.compile()


echo = _single(answer, Echo, context_schema=Context)
steps = _steps()
failing = _single(fail, Echo)
asking = _single(ask, Echo)
slow = _single(pause, Pause)
