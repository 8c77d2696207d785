"""An agent with a subagent that writes files into the state."""

from __future__ import annotations

from typing import Annotated

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


def merged(left: dict[str, str], right: dict[str, str]) -> dict[str, str]:
    """The files of both."""
    return {**left, **right}


class State(TypedDict, total=False):
    """A plan, and files by their names."""

    plan: list[str]
    files: Annotated[dict[str, str], merged]


def plan(state: State) -> State:
    """Make a plan."""
    return {"plan": ["write", "check"], "files": {"plan.md": "write, check"}}


def write(state: State) -> State:
    """Write a file."""
    return {"files": {"draft.md": f"{len(state['plan'])} steps"}}


def check(state: State) -> State:
    """Check the file."""
    return {"files": {"draft.md": state["files"]["draft.md"] + ", checked"}}


writer = StateGraph(State).add_sequence([write, check]).add_edge(START, "write").compile()
graph = StateGraph(State).add_node(plan).add_node("writer", writer)
graph.add_edge(START, "plan").add_edge("plan", "writer")
