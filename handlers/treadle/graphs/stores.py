"""The store that graphs get: Treadle's own, or one of the author's (`store.path` in `langgraph.json`)."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from langgraph.store.base import BaseStore, Op, Result

from treadle.graphs.embeddings import HomeEmbeddings, load_embeddings
from treadle.graphs.event_loops import GraphLoop
from treadle.graphs.item_index import Index
from treadle.graphs.items import ItemStore, open_items
from treadle.graphs.modules import authors_code, load_attribute
from treadle.graphs.opened import Opened, instance_of
from treadle.graphs.store_config import StoreConfig
from treadle.storage.contract.store import Place


class Stores(ABC):
    """The store of all graphs, as the code on an event loop may use it."""

    indexed: bool
    """Whether items are indexed for semantic search, as far as is known: of the author's own store it is not."""

    @abstractmethod
    async def start(self) -> None:
        """Open the author's own store. Raises GraphError if that fails. Treadle's opens at first use."""

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
    return LoadedStore(config, index=Index(load_embeddings(folder, config, config.embed), config.dims, config.fields))


def open_stores(loaded: LoadedStore, place: Place, home: GraphLoop) -> Stores:
    """The store that the configuration asks for: Treadle's own in its place, or the author's on `home`."""
    config = loaded.config
    if config.path is not None:
        return CustomStores(loaded.source, f"{config.where}.path ({config.path})", home)
    index = loaded.index and replace(loaded.index, embeddings=HomeEmbeddings(loaded.index.embeddings, home))
    return OwnStores(open_items(place, index, config.ttl), config.sweep_period)


class OwnStores(Stores):
    """Treadle's own store, which any loop may use."""

    def __init__(self, items: ItemStore, sweep_period: float) -> None:
        self.items = items
        self.indexed = items.indexed
        self.sweep_period = sweep_period

    async def start(self) -> None:
        """Look whether the index can be made. The store opens its file itself, when it is first used."""
        await asyncio.to_thread(self.items.start)

    async def here(self) -> BaseStore:
        return self.items

    async def sweep_forever(self) -> None:
        while True:
            await asyncio.sleep(self.sweep_period)
            await asyncio.to_thread(self.items.sweep)

    async def close(self) -> None:
        await asyncio.to_thread(self.items.close)


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
    """A store that belongs to another event loop. The author's class may override any method: each is passed on."""

    def __init__(self, store: BaseStore, home: GraphLoop) -> None:
        self._store = store
        self._home = home
        self.supports_ttl = store.supports_ttl
        self.ttl_config = store.ttl_config

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        return self._store.batch(ops)

    def get(self, *args: Any, **options: Any) -> Any:
        return self._store.get(*args, **options)

    def search(self, *args: Any, **options: Any) -> Any:
        return self._store.search(*args, **options)

    def put(self, *args: Any, **options: Any) -> None:
        self._store.put(*args, **options)

    def delete(self, *args: Any, **options: Any) -> None:
        self._store.delete(*args, **options)

    def list_namespaces(self, *args: Any, **options: Any) -> Any:
        return self._store.list_namespaces(*args, **options)

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        return await self._home.call(lambda: self._store.abatch(ops))

    async def aget(self, *args: Any, **options: Any) -> Any:
        return await self._home.call(lambda: self._store.aget(*args, **options))

    async def asearch(self, *args: Any, **options: Any) -> Any:
        return await self._home.call(lambda: self._store.asearch(*args, **options))

    async def aput(self, *args: Any, **options: Any) -> None:
        await self._home.call(lambda: self._store.aput(*args, **options))

    async def adelete(self, *args: Any, **options: Any) -> None:
        await self._home.call(lambda: self._store.adelete(*args, **options))

    async def alist_namespaces(self, *args: Any, **options: Any) -> Any:
        return await self._home.call(lambda: self._store.alist_namespaces(*args, **options))
