"""From `file.py:attribute` to something that runs: compiled graphs, builders, factories and functional entrypoints."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import structlog
from langchain_core.runnables import RunnableConfig
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel

from treadle.errors import GraphError
from treadle.graphs.config import GraphsConfig, GraphSpec
from treadle.graphs.factories import Factory, Made
from treadle.tracebacks import in_one_line

AnyPregel = Pregel[Any, Any, Any, Any]
log = structlog.get_logger("treadle.graphs")


class Graphs:
    """The graphs of one configuration, loaded once. Raises GraphError for one that cannot be loaded."""

    def __init__(self, config: GraphsConfig) -> None:
        self.config = config
        self.names: dict[str, str] = {}
        """Graph id -> the name that the author gave the graph, or its id."""
        self._sources: dict[str, AnyPregel | Factory] = {}
        for graph_id, spec in config.graphs.items():
            loaded = _load(config, graph_id, spec)
            self.names[graph_id] = _name(loaded) or graph_id
            self._sources[graph_id] = loaded if isinstance(loaded, Factory) else _runnable(graph_id, loaded)

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
        async with source.make(config) as made:
            yield _runnable(graph_id, made)


def _load(config: GraphsConfig, graph_id: str, spec: GraphSpec) -> AnyPregel | Factory:
    location, _, attribute = spec.path.rpartition(":")
    where = f"{config.path}: graphs.{graph_id} ({spec.path})"
    try:
        value = getattr(_module(config.folder, location), attribute)
        if isinstance(value, StateGraph):
            value = value.compile()
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # the author's code runs here, and may raise anything
        log.debug("a graph cannot be loaded", graph=graph_id, exc_info=error)
        raise GraphError(f"{where}: {in_one_line(error)}") from error
    return value if isinstance(value, Pregel) else Factory(value, where)


def _name(loaded: AnyPregel | Factory) -> str | None:
    """The name that the author gave a graph, in events and traces too: LangGraph has one for all that have none."""
    return loaded.name if isinstance(loaded, Pregel) and loaded.name != Pregel.name else None


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
    name = _module_name(folder, path)
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} is no Python module")
    module = importlib.util.module_from_spec(spec)
    with ExitStack() as undo:
        sys.modules[name] = module  # before it runs: annotations and pickles look their module up
        undo.callback(sys.modules.pop, name, None)  # an import must not find half a module
        spec.loader.exec_module(module)
        undo.pop_all()
    return module


def _module_name(folder: Path, path: Path) -> str:
    """The name by which other modules of the project import a file, or else one that hides no other module.

    It is the same in every process: what a thread has kept names the modules of its classes.
    """
    if path.parent == folder and path.stem.isidentifier() and path.stem not in sys.modules:
        found = importlib.util.find_spec(path.stem)
        if found is not None and found.origin == str(path):
            return path.stem
    name = "treadle_graph_" + re.sub(r"\W", "_", os.path.relpath(path.with_suffix(""), folder))
    while name in sys.modules:
        name += "_"
    return name


def _is_main(module: ModuleType) -> bool:
    return module.__name__ == "__main__"


def _runnable(graph_id: str, value: Made) -> AnyPregel:
    graph = value.compile() if isinstance(value, StateGraph) else value
    # Treadle decides whether a run has a checkpointer: a graph's own one would keep what the run promised to delete.
    return graph.copy(update={"checkpointer": None, "name": _name(graph) or graph_id})
