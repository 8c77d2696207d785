"""Graphs of the endurance tests: one that sends events for a while, one for each way to end, and one that blocks."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict

KB = 1024


def arrive(gate: str, name: str) -> None:
    """Note in its folder that a run waits at a gate."""
    Path(gate, name).touch()


def is_open(gate: str) -> bool:
    """Whether the runs at a gate may go on."""
    return Path(gate, "open").exists()


class Tale(TypedDict, total=False):
    """The id of a tale, its number of steps, the seconds of each, and the folder of a gate at its end."""

    id: Any
    steps: int
    pause: float
    gate: str
    done: Any


async def tell(state: Tale) -> dict[str, Any]:
    """One event a step, each with the input's id, and a pause after each; then wait at the gate."""
    writer = get_stream_writer()
    for step in range(state["steps"]):
        writer({"id": state["id"], "step": step})
        await asyncio.sleep(state["pause"])
    if gate := state.get("gate"):
        arrive(gate, str(state["id"]))
        while not is_open(gate):  # noqa: ASYNC110 - a test opens it
            await asyncio.sleep(0.05)
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
    """How to block the event loop, and the folder of the gate that ends it."""

    how: str
    gate: str
    done: bool


async def sleep(state: Block) -> dict[str, Any]:
    """Wait without letting go of the event loop, as no async node should."""
    arrive(state["gate"], "sleep")
    while not is_open(state["gate"]):
        time.sleep(0.05)  # noqa: ASYNC251 - the mistake is the subject
    return {"done": True}


async def compute(state: Block) -> dict[str, Any]:
    """Compute in Python, which holds the interpreter's lock as well."""
    number = 1
    arrive(state["gate"], "compute")
    while not is_open(state["gate"]):
        for _ in range(1_000_000):
            number = (number * 31 + 7) % 1_000_003
    return {"done": number > 0}


_blocking = StateGraph(Block)
_blocking.add_node("sleep", sleep)
_blocking.add_node("compute", compute)
_blocking.add_conditional_edges(START, lambda state: state["how"], ["sleep", "compute"])
blocking = _blocking.compile()
