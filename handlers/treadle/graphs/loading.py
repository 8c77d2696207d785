"""From `file.py:attribute` to something that runs: compiled graphs, builders, factories and functional entrypoints."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from typing import Any

from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph.store.base import BaseStore

from treadle.graphs.auth_config import load_auth
from treadle.graphs.config import GraphsConfig, GraphSpec
from treadle.graphs.encryption_config import load_encryption
from treadle.graphs.factories import Factory, GraphRequest, Made
from treadle.graphs.modules import authors_code, load_attribute
from treadle.graphs.remote import is_remote, local
from treadle.graphs.stores import load_store

AnyPregel = Pregel[Any, Any, Any, Any]


class Graphs:
    """The graphs of one configuration, loaded once. Raises GraphError for one that cannot be loaded."""

    def __init__(self, config: GraphsConfig) -> None:
        self.config = config
        self.store = load_store(config.folder, config.store)
        self.auth = load_auth(config.folder, config.auth)
        self.encryption = load_encryption(config.folder, config.encryption)
        self.app = _load_own(config, f"{config.http.where}.app", config.http.app)
        """The author's own application, if the configuration has one."""
        self.saver = _load_own(config, f"{config.checkpointer.where}.path", config.checkpointer.path)
        """The author's own checkpointer, or what gives it, if the configuration has one."""
        self.names: dict[str, str] = {}
        """Graph id -> the name that the author gave the graph, or its id."""
        self._sources: dict[str, AnyPregel | Factory] = {}
        self._with_store: dict[tuple[str, int], AnyPregel] = {}
        """By graph id and the store's `id()`, which stays its own: the graph has the store."""
        for graph_id, spec in config.graphs.items():
            loaded = _load(config, graph_id, spec)
            self.names[graph_id] = _name(loaded) or graph_id
            self._sources[graph_id] = loaded if isinstance(loaded, Factory) else _runnable(graph_id, loaded)

    @property
    def ids(self) -> tuple[str, ...]:
        """Graph ids in the order of the configuration."""
        return tuple(self._sources)

    def open(self, graph_id: str, request: GraphRequest) -> AbstractAsyncContextManager[AnyPregel]:
        """The graph without a checkpointer of its own, and with the request's store if it has no store of its own.

        A factory is called anew each time.
        """
        store = request.store
        source = self._sources[graph_id]
        if isinstance(source, Pregel):
            # Once for each store: a copy takes a good part of the time that a small run does.
            if (graph_id, id(store)) not in self._with_store:
                self._with_store[graph_id, id(store)] = _with_store(source, store)
            return nullcontext(self._with_store[graph_id, id(store)])
        return _made(graph_id, source, request)


@asynccontextmanager
async def _made(graph_id: str, factory: Factory, request: GraphRequest) -> AsyncIterator[AnyPregel]:
    async with factory.make(request) as made:
        yield _with_store(_runnable(graph_id, made), request.store)


def _load_own(config: GraphsConfig, where: str, spec: str | None) -> Any:
    if spec is None:
        return None
    with authors_code(f"{where} ({spec})"):
        return load_attribute(config.folder, spec)


def _load(config: GraphsConfig, graph_id: str, spec: GraphSpec) -> AnyPregel | Factory:
    where = f"{config.path}: graphs.{graph_id} ({spec.path})"
    with authors_code(where, graph=graph_id):
        value = load_attribute(config.folder, spec.path)
        if isinstance(value, StateGraph):
            value = value.compile()
        elif is_remote(value):
            value = local(value, config.http.configurable.match)
    return value if isinstance(value, Pregel) else Factory(value, where, config.http.configurable.match)


def _name(loaded: AnyPregel | Factory) -> str | None:
    """The name that the author gave a graph, in events and traces too: LangGraph has one for all that have none."""
    return loaded.name if isinstance(loaded, Pregel) and loaded.name != Pregel.name else None


def _with_store(graph: AnyPregel, store: BaseStore) -> AnyPregel:
    return graph if graph.store is not None else copied(graph, store=store)


def _runnable(graph_id: str, value: Made) -> AnyPregel:
    graph = value.compile() if isinstance(value, StateGraph) else value
    # Treadle decides whether a run has a checkpointer: a graph's own one would keep what the run promised to delete.
    return copied(graph, checkpointer=None, name=_name(graph) or graph_id)


def copied(graph: AnyPregel, **update: Any) -> AnyPregel:
    """A copy of the graph with other attributes."""
    copy = graph.copy(update=update)
    # LangGraph's copies forget the classes of the graph's own state, which LANGGRAPH_STRICT_MSGPACK reads back.
    copy._serde_allowlist = graph._serde_allowlist
    return copy
