"""A node that has another graph of this server do its work, by a client without a URL."""

from __future__ import annotations

import os

from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from langgraph_sdk import get_client
from typing_extensions import TypedDict

early = get_client()


class State(TypedDict, total=False):
    """Who asked, and what the other graph made of it."""

    user: str
    answers: list[str]
    events: list[str]
    url: bool


def work(state: State) -> State:
    """Say for whom this run is."""
    return {"user": get_config()["configurable"]["langgraph_auth_user"]["identity"]}


async def call(state: State) -> State:
    """Run the other graph, by a client that is as old as the module, and by a new one."""
    late = get_client()
    answers = [await client.runs.wait(None, "worker", input={}) for client in (early, late)]
    events = [part.event async for part in late.runs.stream(None, "worker", input={})]
    return {
        "answers": [answer["user"] for answer in answers if isinstance(answer, dict)],
        "events": events,
        "url": os.environ["LANGGRAPH_API_URL"].startswith("http://"),
    }


worker = StateGraph(State).add_node(work).add_edge(START, "work").compile()
graph = StateGraph(State).add_node(call).add_edge(START, "call").compile()
