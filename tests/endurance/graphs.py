"""Graphs of the endurance tests: one that tells of itself for a while, one for each way to end, and one that blocks."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

KB = 1024


class Tale(TypedDict, total=False):
    """Whose tale it is, in how many steps it is told, and how long each takes."""

    id: Any
    steps: int
    pause: float
    done: Any


async def tell(state: Tale) -> dict[str, Any]:
    """One event a step, each with the input's id; a pause after each."""
    writer = get_stream_writer()
    for step in range(state["steps"]):
        writer({"id": state["id"], "step": step})
        await asyncio.sleep(state["pause"])
    return {"done": state["id"]}


_telling = StateGraph(Tale)
_telling.add_node("tell", tell)
_telling.add_edge(START, "tell")
telling = _telling.compile()


class Way(TypedDict, total=False):
    """How a run is to end, and text that it carries."""

    ending: str
    text: str
    answer: Any


async def go(state: Way) -> dict[str, Any]:
    """Write some KB of events, then end in the way that the input names."""
    writer = get_stream_writer()
    for number in range(4):
        writer(chr(ord("a") + number) * KB)
    if state["ending"] == "error":
        raise ValueError(state["text"])
    if state["ending"] == "interrupt":
        return {"answer": interrupt({"question": state["text"]})}
    if state["ending"] == "never":
        writer("waiting")
        await asyncio.sleep(3600)
    return {"answer": state["text"]}


_mixed = StateGraph(Way)
_mixed.add_node("go", go)
_mixed.add_edge(START, "go")
mixed = _mixed.compile()


class Block(TypedDict, total=False):
    """How to block the event loop, and for how long."""

    how: str
    seconds: float
    done: bool


async def sleep(state: Block) -> dict[str, Any]:
    """What no async node should do: wait without letting go of the loop."""
    time.sleep(state["seconds"])  # noqa: ASYNC251 - the mistake is the subject
    return {"done": True}


async def compute(state: Block) -> dict[str, Any]:
    """Nor this: compute in Python, which holds the interpreter's lock as well."""
    number, end = 1, time.monotonic() + state["seconds"]
    while time.monotonic() < end:
        number = (number * 31 + 7) % 1_000_003
    return {"done": number > 0}


_blocking = StateGraph(Block)
_blocking.add_node("sleep", sleep)
_blocking.add_node("compute", compute)
_blocking.add_conditional_edges(START, lambda state: state["how"], ["sleep", "compute"])
blocking = _blocking.compile()
