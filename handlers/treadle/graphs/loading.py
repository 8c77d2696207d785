"""From `file.py:attribute` to something that runs: compiled graphs, builders, factories and functional entrypoints."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from treadle.errors import GraphError
from treadle.graphs.config import GraphsConfig

AnyPregel = Pregel[Any, Any, Any, Any]


class Graphs:
    """The graphs of one configuration, loaded once. Raises GraphError for one that cannot be loaded."""

    def __init__(self, config: GraphsConfig) -> None:
        self.config = config
        self._sources = {graph_id: _load(config, graph_id, spec) for graph_id, spec in config.graphs.items()}

    @property
    def ids(self) -> tuple[str, ...]:
        """Graph ids in the order of the configuration."""
        return tuple(self._sources)

    @asynccontextmanager
    async def open(self, graph_id: str, config: RunnableConfig) -> AsyncIterator[AnyPregel]:
        """The graph for one run, without a checkpointer of its own; a factory is called anew for each run."""
        source = self._sources[graph_id]
        if isinstance(source, Pregel):
            yield source
            return
        made = source(config) if _wants_config(source) else source()
        if inspect.isawaitable(made):
            made = await made
        if isinstance(made, AbstractAsyncContextManager):
            async with made as graph:
                yield _runnable(graph_id, graph)
        elif isinstance(made, AbstractContextManager):
            with made as graph:
                yield _runnable(graph_id, graph)
        else:
            yield _runnable(graph_id, made)


def _load(config: GraphsConfig, graph_id: str, spec: str) -> AnyPregel | Callable[..., Any]:
    location, _, attribute = spec.rpartition(":")
    where = f"{config.path}: graphs.{graph_id} ({spec})"
    try:
        module = _module(config.folder, location)
        value = getattr(module, attribute)
    except (Exception, SystemExit) as error:  # the author's code runs here, and may raise anything
        raise GraphError(f"{where}: {type(error).__name__}: {' '.join(str(error).split())}") from error
    if isinstance(value, (Pregel, StateGraph)):
        return _runnable(graph_id, value)
    if callable(value):
        return value  # type: ignore[no-any-return]
    raise GraphError(f"{where}: a {type(value).__name__} is no graph, builder or factory function")


def _module(folder: Path, location: str) -> ModuleType:
    """Import a module by path or by name; a file is imported once, however many graphs it holds."""
    if not location.endswith(".py"):
        return importlib.import_module(location)
    path = (folder / location).resolve()
    for module in tuple(sys.modules.values()):
        if getattr(module, "__file__", None) == str(path) and not _is_main(module):
            return module
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    name = path.stem if path.parent == folder and path.stem not in sys.modules else f"treadle_graph_{abs(hash(path))}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # before it runs: annotations and pickles look their module up
    try:
        spec.loader.exec_module(module)
    except BaseException:  # whatever ends it, Ctrl-C too: an import must not find half a module
        del sys.modules[name]
        raise
    return module


def _is_main(module: ModuleType) -> bool:
    return module.__name__ == "__main__"


def _runnable(graph_id: str, value: Any) -> AnyPregel:
    if isinstance(value, StateGraph):
        value = value.compile()
    if not isinstance(value, Pregel):
        raise GraphError(f"graph {graph_id}: its factory returned a {type(value).__name__}, not a graph")
    # Treadle decides whether a run has a checkpointer: a graph's own one would keep what the run promised to delete.
    return value.copy(update={"checkpointer": None, "name": graph_id})


def _wants_config(factory: Callable[..., Any]) -> bool:
    return any(
        parameter.kind in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD)
        for parameter in inspect.signature(factory).parameters.values()
    )
