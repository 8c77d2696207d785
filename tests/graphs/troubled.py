"""Graphs whose author's code fails in unexpected places."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Items(TypedDict, total=False):
    """A kind of trouble in, a list out."""

    foo: Any
    items: Annotated[list[Any], operator.add]


class Speechless(ValueError):
    """An exception that has no text: `str` of it raises."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Unprintable:
    """A value that cannot be shown."""

    def model_dump(self) -> dict[str, Any]:
        raise RuntimeError("no dump")


async def trouble(state: Items) -> dict[str, Any]:
    """Get into the trouble that `foo` names."""
    if state["foo"] == "speechless":
        raise Speechless
    if state["foo"] == "surrogate":
        raise ValueError("a\ud800b")
    if state["foo"] == "asking":
        interrupt(Unprintable())
    return {"items": 5 if state["foo"] == "reducer" else [Unprintable()]}


troubled = StateGraph(Items).add_node(trouble).add_edge(START, "trouble").compile()

made: list[str] = []
"""How often the graph was made."""


def once() -> Any:
    """A graph that can be made once."""
    made.append("once")
    if len(made) > 1:
        raise KeyError("twice")
    return troubled_item


async def add_item(state: Items) -> dict[str, Any]:
    return {"items": [1]}


troubled_item = StateGraph(Items).add_node(add_item).add_edge(START, "add_item").compile()


@asynccontextmanager
async def late() -> AsyncIterator[Any]:
    """A graph that takes its time to be made."""
    await asyncio.sleep(0.3)
    yield troubled_item
