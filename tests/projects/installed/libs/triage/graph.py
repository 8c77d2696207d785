"""Says how urgent a text is."""

from __future__ import annotations

from langgraph.graph import START, StateGraph
from pydantic import BaseModel

from .rules import URGENT


class State(BaseModel):
    """A text, and whether it is urgent."""

    text: str
    urgent: bool | None = None


def judge(state: State) -> dict[str, bool]:
    """Apply the rules."""
    return {"urgent": any(word in state.text for word in URGENT)}


graph = StateGraph(State).add_node(judge).add_edge(START, "judge").compile()
