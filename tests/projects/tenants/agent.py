"""A factory that makes the graph of the user who asks, over the items of that user."""

from __future__ import annotations

from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import START, StateGraph
from langgraph_sdk.runtime import ServerRuntime
from typing_extensions import TypedDict


class State(TypedDict, total=False):
    """A note, and all notes of the user."""

    note: str
    notes: list[str]


async def make(config: RunnableConfig, runtime: ServerRuntime[Any]) -> Any:
    """Bind the graph to the user's own namespace."""
    user = runtime.ensure_user()
    namespace = (user.identity, "notes")

    async def keep(state: State) -> State:
        await runtime.store.aput(namespace, state["note"], {"text": state["note"]})
        return {"notes": [item.value["text"] for item in await runtime.store.asearch(namespace)]}

    return StateGraph(State).add_node(keep).add_edge(START, "keep").compile(name=f"notes of {user.identity}")
