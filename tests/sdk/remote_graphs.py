"""`RemoteGraph` called the synchronous or the asynchronous way: one test shows both."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.pregel.remote import RemoteGraph
from langgraph_sdk import get_client, get_sync_client
from langgraph_sdk.client import LangGraphClient, SyncLangGraphClient


@dataclass(frozen=True)
class RemoteGraphs:
    """The graphs of a server; each has the client of one kind only."""

    kind: str
    client: LangGraphClient
    sync_client: SyncLangGraphClient

    def graph(self, name: str, config: RunnableConfig | None = None) -> RemoteGraph:
        """A remote graph; `config` is that of all its calls."""
        if self.kind == "sync":
            return RemoteGraph(name, sync_client=self.sync_client, config=config)
        return RemoteGraph(name, client=self.client, config=config)

    async def invoke(self, name: str, given: Any, config: RunnableConfig | None = None, **options: Any) -> Any:
        """The graph's output."""
        if self.kind == "sync":
            return self.graph(name).invoke(given, config, **options)
        return await self.graph(name).ainvoke(given, config, **options)

    async def stream(self, name: str, given: Any, config: RunnableConfig | None = None, **options: Any) -> list[Any]:
        """The graph's chunks."""
        if self.kind == "sync":
            return list(self.graph(name).stream(given, config, **options))
        return [chunk async for chunk in self.graph(name).astream(given, config, **options)]

    async def state(self, name: str, config: RunnableConfig, **options: Any) -> Any:
        """The state of a thread."""
        if self.kind == "sync":
            return self.graph(name).get_state(config, **options)
        return await self.graph(name).aget_state(config, **options)

    async def history(self, name: str, config: RunnableConfig, **options: Any) -> list[Any]:
        """The states of a thread, the newest first."""
        if self.kind == "sync":
            return list(self.graph(name).get_state_history(config, **options))
        return [state async for state in self.graph(name).aget_state_history(config, **options)]


@asynccontextmanager
async def remote_graphs(kind: str, url: str) -> AsyncIterator[RemoteGraphs]:
    """The graphs of the server at `url`."""
    with get_sync_client(url=url) as sync_client:
        async with get_client(url=url) as client:
            yield RemoteGraphs(kind, client, sync_client)
