"""What embeds the texts of items (`store.index.embed` in `langgraph.json`)."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings
from langgraph.store.base.embed import ensure_embeddings

from treadle.errors import GraphError
from treadle.graphs.event_loops import NODE_THREADS, GraphLoop
from treadle.graphs.modules import authors_code, load_attribute
from treadle.graphs.store_config import StoreConfig


def load_embeddings(folder: Path, store: StoreConfig, embed: str) -> Embeddings:
    """What `embed` names. Raises GraphError for what cannot be loaded, or embeds nothing."""
    where = f"{store.where}.index.embed ({embed})"
    with authors_code(where):
        loaded = load_attribute(folder, embed) if ".py:" in embed else ensure_embeddings(embed)
    if isinstance(loaded, Embeddings):
        return loaded
    if not callable(loaded):
        raise GraphError(f"{where}: a {type(loaded).__name__} embeds nothing; name a function or Embeddings")
    if inspect.iscoroutinefunction(loaded) or inspect.iscoroutinefunction(getattr(loaded, "__call__", None)):  # noqa: B004
        return AsyncEmbeddings(loaded)
    return ensure_embeddings(loaded)


class AsyncEmbeddings(Embeddings):
    """An `async` function as embeddings that synchronous nodes can use too."""

    def __init__(self, function: Callable[[list[str]], Any]) -> None:
        self._function = function

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        vectors: list[list[float]] = await self._function(texts)
        return vectors

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        # This thread's event loop may be running. By its name, a thread that never ends does not hold up the end.
        own = ThreadPoolExecutor(1, thread_name_prefix=f"{NODE_THREADS}-embed")
        try:
            return own.submit(asyncio.run, self.aembed_documents(texts)).result()
        finally:
            own.shutdown(wait=False)

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


class HomeEmbeddings(Embeddings):
    """Embeddings whose asynchronous calls all run on the graphs' home loop, which their connections then belong to."""

    def __init__(self, embeddings: Embeddings, home: GraphLoop) -> None:
        self._embeddings = embeddings
        self._home = home

    async def aembed_documents(self, texts: list[str]) -> list[list[float]]:
        if asyncio.get_running_loop() is self._home.loop:
            return await self._embeddings.aembed_documents(texts)
        return await self._home.call(lambda: self._embeddings.aembed_documents(texts))

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        if isinstance(self._embeddings, AsyncEmbeddings) and not self._is_home():
            there = asyncio.run_coroutine_threadsafe(self._embeddings.aembed_documents(texts), self._home.loop)
            return there.result()
        return self._embeddings.embed_documents(texts)

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]

    def _is_home(self) -> bool:
        """Whether this thread runs the home loop, which a call would block while it waits for the loop."""
        try:
            return asyncio.get_running_loop() is self._home.loop
        except RuntimeError:
            return False
