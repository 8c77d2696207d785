"""A graph that its input steers: it waits, so that requests meet its run alive; then it answers, asks, or fails."""

from __future__ import annotations

import asyncio
from typing import Any

from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

# Seconds at most: a run that never ends would hold up the clients that wait for it.
LONGEST = 2.0


class Steering(TypedDict, total=False):
    """The orders for a run, and its result."""

    seconds: float
    then: str
    answer: Any


async def wait(state: Steering) -> Steering:
    """Be running for a while."""
    await asyncio.sleep(min(state.get("seconds", 0.0), LONGEST))
    return {"answer": "waited"}


async def decide(state: Steering) -> Steering:
    """End as the input says."""
    if state.get("then") == "ask":
        return {"answer": interrupt({"question": "which?"})}
    if state.get("then") == "fail":
        raise ValueError("asked to fail")
    return {"answer": "done"}


# A graph in the graph: its states are kept under a namespace of their own.
_inner = StateGraph(Steering).add_node(decide).add_edge(START, "decide").compile()
graph = (
    StateGraph(Steering).add_node(wait).add_node("inner", _inner).add_edge(START, "wait").add_edge("wait", "inner")
).compile(name="steered")
