"""Graphs of the durability tests. Their nodes note their steps in a file that outlives every process."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from pathlib import Path
from typing import Any

from langgraph.config import get_config, get_stream_writer
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Tale(TypedDict, total=False):
    """The number of steps of a tale, the seconds of each, and the file in which the node notes them."""

    steps: int
    pause: float
    notes: str
    told: int


def note(path: str, what: str) -> None:
    """Add a line to the notes: lines this short stay whole while other processes write."""
    run_id = get_config()["configurable"]["run_id"]
    line = json.dumps({"what": what, "run_id": str(run_id), "pid": os.getpid(), "at": time.time()})
    notes = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(notes, line.encode() + b"\n")
    os.close(notes)


async def tell(state: Tale) -> dict[str, Any]:
    """One event a step; a pause after each."""
    writer, path = get_stream_writer(), state["notes"]
    note(path, "started")
    try:
        for step in range(state.get("steps", 0)):
            writer({"step": step})
            await asyncio.sleep(state.get("pause", 0))
    except asyncio.CancelledError:
        note(path, "cancelled")
        raise
    note(path, "ended")
    return {"told": state.get("steps", 0)}


_telling = StateGraph(Tale)
_telling.add_node("tell", tell)
_telling.add_edge(START, "tell")
telling = _telling.compile()


async def tick(state: Tale) -> dict[str, Any]:
    """One event a step, which says when it was written."""
    writer = get_stream_writer()
    for _ in range(state.get("steps", 0)):
        await asyncio.sleep(state.get("pause", 0))
        writer({"at": time.time()})
    return {}


_clock = StateGraph(Tale)
_clock.add_node("tick", tick)
_clock.add_edge(START, "tick")
clock = _clock.compile()


class Trail(TypedDict, total=False):
    """The nodes of a kept run so far; it stays in its second node until `gate` exists."""

    gate: str
    been: list[str]


async def first(state: Trail) -> dict[str, Any]:
    """Go on at once."""
    return {"been": [*state.get("been", []), "first"]}


async def second(state: Trail) -> dict[str, Any]:
    """Wait at the gate."""
    while not await asyncio.to_thread(Path(state["gate"]).exists):  # noqa: ASYNC110 - a test opens it
        await asyncio.sleep(0.01)
    return {"been": [*state["been"], "second"]}


_keeping = StateGraph(Trail)
_keeping.add_node("first", first)
_keeping.add_node("second", second)
_keeping.add_edge(START, "first")
_keeping.add_edge("first", "second")
keeping = _keeping.compile()


async def block(state: Tale) -> dict[str, Any]:
    """Block the event loop for `pause` seconds, as a node with a synchronous call does."""
    note(state["notes"], "started")
    time.sleep(state.get("pause", 0))  # noqa: ASYNC251 - blocking is its purpose
    return {}


_blocking = StateGraph(Tale)
_blocking.add_node("block", block)
_blocking.add_edge(START, "block")
blocking = _blocking.compile()


async def cling(state: Trail) -> dict[str, Any]:
    """Wait at the gate, and let go of it only a second after being cancelled."""
    await asyncio.to_thread(Path(f"{state['gate']}.reached").touch)
    try:
        await second({**state, "been": []})
    finally:
        await asyncio.sleep(1)
    return {}


_clinging = StateGraph(Trail)
_clinging.add_node("cling", cling)
_clinging.add_edge(START, "cling")
clinging = _clinging.compile()


async def die(state: Tale) -> dict[str, Any]:
    """End the process, as a segmentation fault or the system's out-of-memory killer would."""
    note(state["notes"], "started")
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


_deadly = StateGraph(Tale)
_deadly.add_node("die", die)
_deadly.add_edge(START, "die")
deadly = _deadly.compile()
