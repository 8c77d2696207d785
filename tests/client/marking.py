"""A graph that leaves a mark of each of its runs in the store."""

from __future__ import annotations

from typing import TypedDict

from langchain_core.runnables import RunnableConfig
from langgraph.config import get_store
from langgraph.graph import END, START, StateGraph


class State(TypedDict):
    """What the run marks."""

    mark: str


async def leave(state: State, config: RunnableConfig) -> State:
    """Store the run's id under the mark."""
    await get_store().aput(("marks", state["mark"]), str(config["configurable"]["run_id"]), {})
    return state


marking = StateGraph(State).add_node(leave).add_edge(START, "leave").add_edge("leave", END).compile()
