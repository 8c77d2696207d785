"""A graph whose nodes log, each from another kind of thread or task."""

from __future__ import annotations

import asyncio
import logging
import operator
from typing import Annotated, Any

import structlog
from langgraph.func import task
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

log = logging.getLogger("author")


class Said(TypedDict, total=False):
    """The texts that were logged."""

    said: Annotated[list[str], operator.add]


class Odd:
    """A value for the log."""

    def __repr__(self) -> str:
        return "a value that JSON does not know"


def say(what: str) -> None:
    """Log `what`, with an extra."""
    log.info("said %s", what, extra={"what": what, "event": "kept apart", "odd": Odd()})


async def awaited(state: Said) -> dict[str, Any]:
    say("in a coroutine")
    await asyncio.create_task(_later())
    await asyncio.to_thread(say, "in a thread")
    await asyncio.get_running_loop().run_in_executor(None, say, "in the executor")
    await _task()
    structlog.get_logger("author").info("said by structlog", what="by structlog")
    return {}


async def _later() -> None:
    say("in a task")


@task
def _task() -> None:
    say("in a task of LangGraph")


def plain(state: Said) -> dict[str, Any]:
    say("in a function")
    return {}


def inner(state: Said) -> dict[str, Any]:
    say("in a subgraph")
    return {}


_child = StateGraph(Said).add_node(inner).add_edge(START, "inner").compile()
_nodes: list[Any] = [awaited, plain, ("child", _child)]


async def logging_graph() -> Any:
    """A factory that logs too."""
    say("in the factory")
    return StateGraph(Said).add_sequence(_nodes).add_edge(START, "awaited").compile()
