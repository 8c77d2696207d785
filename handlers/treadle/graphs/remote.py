"""A `RemoteGraph` of the author's, served as a graph: each run of it is a run of the other server, without a thread."""

from __future__ import annotations

import sys
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.channels import EphemeralValue, LastValue
from langgraph.pregel import NodeBuilder, Pregel
from langgraph.runtime import get_runtime


def is_remote(value: Any) -> bool:
    """Whether the value is a `RemoteGraph`. Its module takes time to import: without it there is none."""
    module = sys.modules.get("langgraph.pregel.remote")
    return module is not None and isinstance(value, module.RemoteGraph)


def local(remote: Any) -> Pregel[Any, Any, Any, Any]:
    """A graph of one node, which calls the other server. It takes what that takes, and returns what that returns."""

    async def call(given: Any, config: RunnableConfig) -> Any:
        # With the thread of this run, the other server would look for a thread of this name.
        configurable = {key: value for key, value in config["configurable"].items() if key != "thread_id"}
        context = get_runtime().context
        return await remote.ainvoke(given, {**config, "configurable": configurable}, context=context)

    node = NodeBuilder().subscribe_only("input").do(call).write_to("output")
    return Pregel(
        nodes={remote.name: node},
        channels={"input": EphemeralValue(Any), "output": LastValue(Any)},
        input_channels="input",
        output_channels="output",
        stream_channels="output",  # the state of a kept run is the output alone
        name=remote.name,
    )
