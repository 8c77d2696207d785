"""A `RemoteGraph` of the author's, served as a graph: each run of it is a run of the other server, without a thread."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.channels import EphemeralValue, LastValue
from langgraph.pregel import NodeBuilder, Pregel
from langgraph.runtime import get_runtime

_IDS = ("run_id", "thread_id", "graph_id", "assistant_id")


def is_remote(value: Any) -> bool:
    """Whether the value is a `RemoteGraph`. Its module takes time to import: without it there is none."""
    module = sys.modules.get("langgraph.pregel.remote")
    return module is not None and isinstance(value, module.RemoteGraph)


def local(remote: Any, is_header: Callable[[str], bool]) -> Pregel[Any, Any, Any, Any]:
    """A graph of one node, which calls the other server. It takes what that takes, and returns what that returns.

    Keys of `configurable` that are headers of the caller's stay here: they may be secrets between it and this server.
    """

    async def call(given: Any, config: RunnableConfig) -> Any:
        own = config["configurable"]
        stays = {key for key in own if _is_of_this_server(key) or is_header(key)}
        if own.get("user_id") == own.get("langgraph_auth_user_id"):  # the caller has given none
            stays.add("user_id")
        sent = {key: value for key, value in own.items() if key not in stays}
        return await remote.ainvoke(given, {**config, "configurable": sent}, context=get_runtime().context)

    node = NodeBuilder().subscribe_only("input").do(call).write_to("output")
    return Pregel(
        nodes={remote.name: node},
        channels={"input": EphemeralValue(Any), "output": LastValue(Any)},
        input_channels="input",
        output_channels="output",
        stream_channels="output",  # the state of a kept run is the output alone
        name=remote.name,
    )


def _is_of_this_server(key: str) -> bool:
    """Whether the server has put the key into `configurable`: the other server has its own, and none of this user."""
    if key.startswith("__pregel_"):  # LangGraph's own: they stay on this side, and have the stream of the run
        return False
    return key in _IDS or key.startswith(("__", "langgraph_"))
