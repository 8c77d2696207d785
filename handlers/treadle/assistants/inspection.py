"""What the graph of an assistant looks like: its nodes and edges, its subgraphs, and the schemas of its data."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from langgraph.pregel import Pregel

from treadle.encoding import encode, failure
from treadle.errors import AssistantNotFound, GraphUnreadable
from treadle.execution.config import Deployment, graph_config
from treadle.graphs.checkpoints import OpenGraphs
from treadle.graphs.event_loops import GraphLoop
from treadle.graphs.loading import AnyPregel
from treadle.graphs.schemas import graph_schemas
from treadle.storage.contract.assistants import AssistantRecord
from treadle.users import User, user_keys

Json = dict[str, Any]
T = TypeVar("T")


class Inspection:
    """Looks at graphs, on their event loop. Methods raise GraphUnreadable (500) if the author's own code fails."""

    def __init__(self, graphs: OpenGraphs, loop: GraphLoop, deployment: Deployment) -> None:
        self._graphs = graphs
        self._loop = loop
        self._deployment = deployment

    async def drawing(self, assistant: AssistantRecord, user: User | None, xray: int | bool) -> bytes:
        """Nodes and edges as JSON; with `xray`, those of subgraphs too: of all, or down to that depth."""

        async def draw(graph: AnyPregel) -> bytes:
            drawn = (await graph.aget_graph(xray=xray)).to_json()
            for node in drawn["nodes"]:
                if isinstance(node.get("data"), dict):  # where its class is defined says nothing to a client
                    node["data"].pop("id", None)
            return encode(drawn)

        return await self._look(assistant, user, draw)

    async def schemas(self, assistant: AssistantRecord, user: User | None) -> Json:
        """The JSON Schemas of the graph, by the API's names."""

        async def describe(graph: AnyPregel) -> Json:
            return await asyncio.to_thread(graph_schemas, graph)

        return {"graph_id": assistant.graph_id, **await self._look(assistant, user, describe)}

    async def subgraphs(
        self, assistant: AssistantRecord, user: User | None, namespace: str | None, *, recurse: bool
    ) -> Json:
        """The JSON Schemas of the subgraphs, by their namespaces: of all, or of one.

        Raises AssistantNotFound (404) if there is no such namespace.
        """

        async def describe(graph: AnyPregel) -> Json:
            found: Json = {}
            # Without `recurse`, LangGraph does not find a namespace that is below another one.
            async for name, subgraph in graph.aget_subgraphs(recurse=recurse or namespace is not None):
                wanted = namespace in (None, name) or (recurse and name.startswith(f"{namespace}|"))
                if wanted and isinstance(subgraph, Pregel):  # others are remote ones
                    found[name] = await asyncio.to_thread(graph_schemas, subgraph)
            return found

        found = await self._look(assistant, user, describe)
        if namespace is not None and not found:
            raise AssistantNotFound(f"namespace: the graph {assistant.graph_id!r} has no subgraph {namespace!r}")
        return found

    async def _look(
        self, assistant: AssistantRecord, user: User | None, look: Callable[[AnyPregel], Awaitable[T]]
    ) -> T:
        """What `look` sees of the graph, which a factory makes for `user`."""
        ids = {"graph_id": assistant.graph_id, "assistant_id": assistant.assistant_id, **user_keys(user)}
        stored = {
            **assistant.config,
            "configurable": {**assistant.context, **ids},
            "metadata": {**assistant.metadata, "assistant_id": assistant.assistant_id},
        }
        config = graph_config(stored, self._deployment, attempt=1)

        async def guarded() -> T:
            try:
                async with self._graphs.open(assistant.graph_id, config, access="assistants.read") as graph:
                    return await look(graph)
            except Exception as error:  # the author's factory is at work here
                shown = failure(error)
                reason = f"The graph cannot be read: {shown['error']}"
                raise GraphUnreadable(f"{reason}: {shown['message']}", gist=reason) from error

        return await self._loop.call(guarded)
