"""A graph that passes a text through everything that is kept: state, items, events, interrupts and errors."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated, Any

from langgraph.config import get_stream_writer
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    """What the graph is told, and what it does about it."""

    text: str
    seen: Annotated[list[str], lambda one, other: [*one, *other]]
    ask: bool
    fail: bool
    gate: str


def embed(texts: list[str]) -> list[list[float]]:
    """A vector for each text: hills and seas are far from each other."""
    return [[1.0, 0.0] if "hill" in text else [0.0, 1.0] for text in texts]


async def keep(state: State, runtime: Runtime[Any]) -> dict[str, Any]:
    """Store an item, and send an event."""
    text = state["text"]
    get_stream_writer()({"custom": text})
    assert runtime.store is not None
    await runtime.store.aput(("notes", text[-8:]), "note", {"text": text, "topic": "notes"})
    [found] = await runtime.store.asearch(("notes", text[-8:]))
    return {"seen": [f"kept {text}", found.value["text"]]}


def think(state: State, runtime: Runtime[Any]) -> dict[str, Any]:
    """As a plain function, on a thread of its own."""
    assert runtime.store is not None
    item = runtime.store.get(("notes", state["text"][-8:]), "note")
    assert item is not None
    return {"seen": [f"thought {item.value['text']}"]}


async def act(state: State) -> dict[str, Any]:
    """Wait at the gate, ask or fail."""
    while state.get("gate") and not Path(state["gate"]).exists():  # noqa: ASYNC110, ASYNC240
        await asyncio.sleep(0.01)
    if state.get("fail"):
        raise ValueError(f"cannot act on {state['text']}")
    return {"seen": [f"answered {interrupt({'about': state['text']})}"]} if state.get("ask") else {"seen": ["done"]}


agent = (
    StateGraph(State)
    .add_node(keep)
    .add_node(think)
    .add_node(act)
    .add_edge(START, "keep")
    .add_edge("keep", "think")
    .add_edge("think", "act")
    .compile(name="vault")
)
