"""A graph of one node."""

from __future__ import annotations

import os

from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime

from .state import Context, State


def greet(state: State, runtime: Runtime[Context]) -> State:
    """Greet whom the context names."""
    return {"text": f"{os.environ['GREETING']} {runtime.context.name}"}


graph = StateGraph(State, context_schema=Context).add_node(greet).add_edge(START, "greet").compile(name="Greeter")
