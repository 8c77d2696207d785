"""Two graphs of one file, and a factory."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

runs = {"one": 0}


class State(TypedDict, total=False):
    """A number."""

    count: int
    said: str


def count(state: State) -> State:
    """Count the runs of this process."""
    runs["one"] += 1
    return {"count": runs["one"]}


def look(state: State) -> State:
    """Say how many runs there were: the module is the same one."""
    return {"count": runs["one"]}


def make(config: RunnableConfig) -> Any:
    """Make a graph that says a word of the config."""
    word = config["configurable"].get("word", "none")
    running = config["configurable"]["__is_for_execution__"]
    return StateGraph(State).add_node("say", lambda state: {"said": f"{word} {running}"}).add_edge(START, "say")


one = StateGraph(State).add_node(count).add_edge(START, "count").compile()
two = StateGraph(State).add_node(look).add_edge(START, "look")
