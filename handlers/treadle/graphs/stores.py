"""The store that graphs get: Treadle's own, or one of the author's (`store.path` in `langgraph.json`)."""

from __future__ import annotations

import asyncio
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore, Op, Result
from langgraph.store.base.embed import ensure_embeddings

from treadle.errors import GraphError
from treadle.graphs.event_loops import GraphLoop
from treadle.graphs.items import Index, ItemStore
from treadle.graphs.modules import authors_code, load_attribute
from treadle.graphs.opened import Opened, instance_of
from treadle.graphs.store_config import StoreConfig


class Stores(ABC):
    """The store of all graphs, as the code on an event loop may use it."""

    indexed: bool
    """Whether items are indexed for semantic search, as far as is known: of the author's own store it is not."""

    @abstractmethod
    async def start(self) -> None:
        """Open what is opened at the start. Raises GraphError if the author's own store cannot be opened."""

    @abstractmethod
    async def here(self) -> BaseStore:
        """The store for code on the running loop."""

    @abstractmethod
    async def sweep_forever(self) -> None:
        """Delete items whose lifetime is over, now and then."""

    @abstractmethod
    async def close(self) -> None:
        """Close the store. Called while the loops still run."""


@dataclass(frozen=True, slots=True)
class LoadedStore:
    """The section `store` of the configuration, with the author's code that it names."""

    config: StoreConfig
    source: Any = None
    """What `path` names: a store, or a callable that gives one."""
    index: Index | None = None


def load_store(folder: Path, config: StoreConfig) -> LoadedStore:
    """Load what the section names. Raises GraphError for an `embed` or a `path` that cannot be loaded."""
    if config.path is not None:
        with authors_code(f"{config.where}.path ({config.path})"):
            return LoadedStore(config, load_attribute(folder, config.path))
    if config.embed is None:
        return LoadedStore(config)
    return LoadedStore(config, index=Index(_embeddings(folder, config, config.embed), config.dims, config.fields))


def open_stores(loaded: LoadedStore, file: Path | None, home: GraphLoop) -> Stores:
    """The store that the configuration asks for: Treadle's own in `file` or in memory, or the author's on `home`."""
    config = loaded.config
    if config.path is not None:
        return CustomStores(loaded.source, f"{config.where}.path ({config.path})", home)
    return OwnStores(ItemStore(file, loaded.index, config.ttl), config.sweep_period)


class OwnStores(Stores):
    """Treadle's own store, which any loop may use."""

    def __init__(self, items: ItemStore, sweep_period: float) -> None:
        self._items = items
        self.indexed = items.indexed
        self._sweep_period = sweep_period

    async def start(self) -> None:
        """The store opens its file itself, when it is first used."""

    async def here(self) -> BaseStore:
        return self._items

    async def sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(self._sweep_period)
            await asyncio.to_thread(self._items.sweep)

    async def close(self) -> None:
        await asyncio.to_thread(self._items.close)


class CustomStores(Stores):
    """A store of the author's, which belongs to the graphs' home loop; elsewhere it is called through that loop."""

    def __init__(self, source: Any, where: str, home: GraphLoop) -> None:
        self.indexed = True
        self._opened = Opened[BaseStore](partial(instance_of, BaseStore, source), where, home)
        self._home = home
        self._store: BaseStore | None = None
        self._elsewhere: StoreElsewhere | None = None

    async def start(self) -> None:
        self._store = await self._opened.open()
        self._elsewhere = StoreElsewhere(self._store, self._home)

    async def here(self) -> BaseStore:
        assert self._store is not None and self._elsewhere is not None, "used before the start"
        return self._store if asyncio.get_running_loop() is self._home.loop else self._elsewhere

    async def sweep_forever(self) -> None:
        """The author's store has lifetimes of its own, if any."""

    async def close(self) -> None:
        await self._opened.close()


class StoreElsewhere(BaseStore):
    """A store that belongs to another event loop."""

    def __init__(self, store: BaseStore, home: GraphLoop) -> None:
        self._store = store
        self._home = home
        self.supports_ttl = store.supports_ttl
        self.ttl_config = store.ttl_config

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        return self._store.batch(ops)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return await self._home.call(lambda: self._store.abatch(ops))


def _embeddings(folder: Path, store: StoreConfig, embed: str) -> Embeddings:
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
        with ThreadPoolExecutor(1) as own:  # this thread's event loop may be running
            return own.submit(asyncio.run, self.aembed_documents(texts)).result()

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]
