"""Factories: callables of the author's that make the graph anew for each run."""

from __future__ import annotations

import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
)
from functools import partial
from typing import Any, TypeAlias, cast, get_origin

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from treadle.errors import GraphError

Made: TypeAlias = Pregel[Any, Any, Any, Any] | StateGraph[Any, Any, Any, Any]
# Where LangGraph keeps the runtime of a run in its config.
_RUNTIME = "__pregel_runtime"
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


class Factory:
    """A callable that makes a graph or a builder, plain, async or as a context manager; it may take the run's config.

    Raises GraphError, which begins with `where`, for a value that is none: at the start, and not at the first run.
    """

    def __init__(self, value: Any, where: str) -> None:
        if (reason := _no_factory(value)) is not None:
            raise GraphError(f"{where}: {reason}; name a graph, a builder or a function that makes one")
        self._function: Callable[..., Any] = value
        self._where = where
        self._taker = _config_parameter(self._function, where)

    @asynccontextmanager
    async def make(self, config: RunnableConfig, store: BaseStore) -> AsyncIterator[Made]:
        """The graph or builder for one run, until the block is left. Raises the exceptions of the author's code."""
        async with AsyncExitStack() as stack:
            with _inside_a_run(config, store):
                made = self._called(config)
                made = await entered(made, stack)
            if not isinstance(made, (Pregel, StateGraph)):
                raise GraphError(f"{self._where}: the factory returned a {type(made).__name__}, which is no graph")
            yield made

    def _called(self, config: RunnableConfig) -> Any:
        if self._taker is None:
            return self._function()
        if self._taker.kind is inspect.Parameter.POSITIONAL_ONLY:
            return self._function(config)
        return self._function(**{self._taker.name: config})


async def entered(made: Any, stack: AsyncExitStack) -> Any:
    """What an author's callable gave, awaited if it is awaitable, and entered if it is a context manager."""
    if inspect.isawaitable(made):
        made = await made
    if isinstance(made, AbstractAsyncContextManager):
        return await stack.enter_async_context(made)
    return stack.enter_context(made) if isinstance(made, AbstractContextManager) else made


@contextmanager
def _inside_a_run(config: RunnableConfig, store: BaseStore) -> Iterator[None]:
    """Let `get_store()`, `get_config()` and `get_runtime()` work as they do in a node."""
    configurable = {**config["configurable"], _RUNTIME: Runtime(store=store)}
    # Without the run's id: what a factory calls is not the run itself.
    inherited = {key: value for key, value in config.items() if key != "run_id"}
    token = var_child_runnable_config.set(cast(RunnableConfig, {**inherited, "configurable": configurable}))
    try:
        yield
    finally:
        var_child_runnable_config.reset(token)


def _no_factory(value: Any) -> str | None:
    """Why `value` makes no graphs, as far as can be seen without calling it."""
    if inspect.isclass(value) or get_origin(value) is not None:
        return f"{getattr(value, '__name__', value)} is a class"
    # Tasks and tools of LangGraph and LangChain can be called, and make no graphs.
    library = type(value).__module__.partition(".")[0] in ("langgraph", "langchain", "langchain_core")
    if library or not callable(value):
        return f"an object of type {type(value).__name__} is no graph"
    for function in (value, getattr(value, "__call__", None)):  # noqa: B004
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            return "a generator is no graph without contextlib.contextmanager or asynccontextmanager"
    return None


def _config_parameter(factory: Callable[..., Any], where: str) -> inspect.Parameter | None:
    """The parameter that the run's config is for, if there is one. Raises GraphError if others need a value."""
    try:
        parameters = list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):
        raise GraphError(f"{where}: the factory's parameters cannot be read; wrap it in a function") from None
    filled = factory.keywords if isinstance(factory, partial) else ()
    parameters = [each for each in parameters if each.kind not in _VARIADIC and each.name not in filled]
    taker = next((each for each in parameters if _takes_config(each)), None)
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter is not taker:
            raise GraphError(
                f"{where}: a factory gets the run's config alone, and its parameter {parameter.name!r} has no default; "
                "give it one or remove it"
            )
    return taker


def _takes_config(parameter: inspect.Parameter) -> bool:
    # The SDK's ServerRuntime is something else. Annotations may be text, so their text is what counts.
    if "ServerRuntime" in str(parameter.annotation):
        return False
    is_option = parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not parameter.empty
    return not is_option or parameter.name == "config"
