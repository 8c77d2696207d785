"""An agent that is a graph of another server: here of the same one."""

import os
from typing import TypedDict

from langgraph.graph import START, StateGraph
from langgraph.pregel.remote import RemoteGraph

URL = os.environ["LANGGRAPH_API_URL"]


class State(TypedDict, total=False):
    text: str
    words: int


def count(state: State) -> State:
    return {"words": len(state["text"].split())}


async def ask(state: State) -> State:
    """Call the other graph by its name, with a state of its own."""
    answer = await RemoteGraph("counter", url=URL).ainvoke({"text": f"{state['text']} again"})
    return {"words": answer["words"]}


counter = StateGraph(State).add_node(count).add_edge(START, "count").compile()
asking = StateGraph(State).add_node(ask).add_edge(START, "ask").compile()
remote = RemoteGraph("counter", url=URL)
