"""An agent that says whether its thread is kept."""

from __future__ import annotations

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from saver import threads  # type: ignore[import-not-found]
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    """Whether the project's checkpointer has the thread of the run."""

    kept: bool


def look(state: State, config: RunnableConfig) -> State:
    """Look it up."""
    return {"kept": config["configurable"]["thread_id"] in threads}


graph = StateGraph(State).add_node(look).add_edge(START, "look").compile()
