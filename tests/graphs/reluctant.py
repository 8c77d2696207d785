"""Graphs that take their time to be cancelled, or that are made of no config but the right one."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Item(TypedDict, total=False):
    """A value."""

    foo: Any


entered: list[Any] = []
"""What was given to each node that lingers."""


async def linger(state: Item) -> dict[str, Any]:
    """Wait for a minute, and a little longer when that is cut short."""
    entered.append(state["foo"])
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.3)
    return {"foo": "done"}


lingering = StateGraph(Item).add_node(linger).add_edge(START, "linger").compile()


def choosy(config: RunnableConfig) -> Any:
    """A graph for runs that say `word`."""
    word = config["configurable"]["word"]

    def say(state: Item) -> dict[str, Any]:
        return {"foo": word}

    return StateGraph(Item).add_node(say).add_edge(START, "say").compile()
