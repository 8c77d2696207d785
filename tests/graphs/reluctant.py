"""Graphs that are slow to cancel or to read, or that cannot be made without the right config."""

from __future__ import annotations

import asyncio
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.types import StateSnapshot
from typing_extensions import TypedDict


class Item(TypedDict, total=False):
    """A value."""

    foo: Any


entered: list[Any] = []
"""The input of each node that lingers."""


async def linger(state: Item) -> dict[str, Any]:
    """Wait for a minute, and a little longer when that is cut short."""
    entered.append(state["foo"])
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.3)
    return {"foo": "done"}


lingering = StateGraph(Item).add_node(linger).add_edge(START, "linger").compile()


class Pondering(CompiledStateGraph[Any, Any, Any, Any]):
    """A graph whose state says how many seconds it takes to read it."""

    async def aget_state(self, config: RunnableConfig, *, subgraphs: bool = False) -> StateSnapshot:
        snapshot = await super().aget_state(config, subgraphs=subgraphs)
        await asyncio.sleep(snapshot.values["foo"]["reading"])
        return snapshot


async def work(state: Item) -> dict[str, Any]:
    """Work for the number of seconds that the state says."""
    await asyncio.sleep(state["foo"]["work"])
    return {}


pondering = Pondering(**vars(StateGraph(Item).add_node(work).add_edge(START, "work").compile()))


def choosy(config: RunnableConfig) -> Any:
    """A graph for runs whose config has `word`."""
    word = config["configurable"]["word"]

    def say(state: Item) -> dict[str, Any]:
        return {"foo": word}

    return StateGraph(Item).add_node(say).add_edge(START, "say").compile()
