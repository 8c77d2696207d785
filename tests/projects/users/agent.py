"""Says who asks."""

from __future__ import annotations

from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    """A user."""

    user: str


def tell(state: State) -> State:
    """Say who asks."""
    return {"user": get_config()["configurable"]["langgraph_auth_user"]["identity"]}


graph = StateGraph(State).add_node(tell).add_edge(START, "tell").compile()
