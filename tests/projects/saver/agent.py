"""A graph with a checkpointer of its own, and a question to a person."""

from __future__ import annotations

from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START, StateGraph
from langgraph.types import interrupt
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    """An answer."""

    answer: str


def ask(state: State) -> State:
    """Ask whether to go on."""
    return {"answer": interrupt({"question": "Go on?"})}


graph = StateGraph(State).add_node(ask).add_edge(START, "ask").compile(checkpointer=InMemorySaver())
