"""A graph in a graph in a graph."""

from __future__ import annotations

from typing import Any

from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class Counted(TypedDict, total=False):
    """State of all three."""

    n: int


def count(state: Counted) -> dict[str, Any]:
    return {"n": state.get("n", 0) + 1}


def _of_one_node(name: str, node: Any) -> Any:
    return StateGraph(Counted).add_node(name, node).add_edge(START, name).compile()


inner = _of_one_node("count", count)
middle = _of_one_node("inner", inner)
deep = _of_one_node("middle", middle)
