"""Factories: callables of the author's that make the graph anew for each run, and whenever it is looked at."""

from __future__ import annotations

import dataclasses
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
from typing import Any, Literal, TypeAlias, cast, get_args, get_origin, get_type_hints

from langchain_core.runnables import RunnableConfig
from langchain_core.runnables.config import var_child_runnable_config
from langgraph.graph import StateGraph
from langgraph.pregel import Pregel
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from pydantic import BaseModel

from treadle.errors import GraphError
from treadle.graphs.remote import is_remote, local

Made: TypeAlias = Pregel[Any, Any, Any, Any] | StateGraph[Any, Any, Any, Any]
# Where LangGraph keeps the runtime of a run in its config.
_RUNTIME = "__pregel_runtime"
# Where a factory finds whether the graph is to be run, or only looked at.
_FOR_EXECUTION = "__is_for_execution__"
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


Access: TypeAlias = Literal["threads.create_run", "threads.update", "threads.read", "assistants.read"]
"""What a graph is opened for, by the names of `langgraph_sdk.runtime`. Only the first one runs it."""


@dataclasses.dataclass(frozen=True, slots=True)
class GraphRequest:
    """What a factory may ask for."""

    config: RunnableConfig
    store: BaseStore
    access: Access
    context: Any = None
    """The context of the run that the graph is for."""

    @property
    def factory_config(self) -> RunnableConfig:
        """The config that factories get."""
        running = self.access == "threads.create_run"
        configurable = {**self.config["configurable"], _FOR_EXECUTION: running}
        return cast(RunnableConfig, {**self.config, "configurable": configurable})


class Factory:
    """A callable that makes a graph or a builder, plain, async or as a context manager.

    It may take the run's config and a `ServerRuntime`. Raises GraphError, which begins with `where`, for a value that
    is no factory: at the start, and not at the first run.
    """

    def __init__(self, value: Any, where: str, is_header: Callable[[str], bool]) -> None:
        """`is_header`: whether a key of `configurable` is a header of the caller's."""
        if (reason := _no_factory(value)) is not None:
            raise GraphError(f"{where}: {reason}; name a graph, a builder or a function that makes one")
        self._function: Callable[..., Any] = value
        self._where = where
        self._is_header = is_header
        self._takers = _takers(self._function, where)
        self._context_schema = _context_schema(self._function, self._takers)

    @asynccontextmanager
    async def make(self, request: GraphRequest) -> AsyncIterator[Made]:
        """The graph or builder, until the block is left. Raises the exceptions of the author's code."""
        async with AsyncExitStack() as stack:
            with _inside_a_run(request):
                made = self._called(request)
                made = await entered(made, stack)
                made = local(made, self._is_header) if is_remote(made) else made
            if not isinstance(made, (Pregel, StateGraph)):
                advice = "; does it lack a return?" if made is None else ""
                error = TypeError(f"the factory returned {type(made).__name__}, which is no graph{advice}")
                error.add_note(self._where)  # for the log: clients see the text
                raise error
            yield made

    def _called(self, request: GraphRequest) -> Any:
        positional, named = [], {}
        for parameter in self._takers:
            value = self._runtime(request) if _takes_runtime(parameter) else request.factory_config
            if parameter.kind is inspect.Parameter.POSITIONAL_ONLY:
                positional.append(value)
            else:
                named[parameter.name] = value
        return self._function(*positional, **named)

    def _runtime(self, request: GraphRequest) -> Any:
        from langgraph_sdk import runtime  # where it is missing, no factory asks for it

        user = request.config["configurable"].get("langgraph_auth_user")
        if request.access != "threads.create_run":
            return runtime._ReadRuntime(access_context=request.access, user=user, store=request.store)
        return runtime._ExecutionRuntime(
            access_context=request.access,
            user=user,
            store=request.store,
            context=_typed(self._context_schema, request.context),
        )


async def entered(made: Any, stack: AsyncExitStack) -> Any:
    """What an author's callable gave, awaited if it is awaitable, and entered if it is a context manager."""
    if inspect.isawaitable(made):
        made = await made
    if isinstance(made, AbstractAsyncContextManager):
        return await stack.enter_async_context(made)
    return stack.enter_context(made) if isinstance(made, AbstractContextManager) else made


@contextmanager
def _inside_a_run(request: GraphRequest) -> Iterator[None]:
    """Let `get_store()`, `get_config()` and `get_runtime()` work as they do in a node."""
    config = request.factory_config
    configurable = {**config["configurable"], _RUNTIME: Runtime(store=request.store)}
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
    if inspect.iscoroutine(value):
        value.close()  # or Python warns that nobody has awaited it
        return "a coroutine is no graph: name the async function itself, without calling it"
    # Tasks and tools of LangGraph and LangChain can be called, and make no graphs.
    library = type(value).__module__.partition(".")[0] in ("langgraph", "langchain", "langchain_core")
    if library or not callable(value):
        return f"an object of type {type(value).__name__} is no graph"
    for function in (value, getattr(value, "__call__", None)):  # noqa: B004
        if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
            return "a generator is no graph without contextlib.contextmanager or asynccontextmanager"
    return None


def _takers(factory: Callable[..., Any], where: str) -> list[inspect.Parameter]:
    """The parameters that config and runtime are for. Raises GraphError if others need a value."""
    try:
        parameters = list(inspect.signature(factory).parameters.values())
    except (TypeError, ValueError):
        raise GraphError(f"{where}: the factory's parameters cannot be read; wrap it in a function") from None
    filled = factory.keywords if isinstance(factory, partial) else ()
    parameters = [each for each in parameters if each.kind not in _VARIADIC and each.name not in filled]
    config = next((each for each in parameters if not _takes_runtime(each) and _takes_config(each)), None)
    takers = [each for each in parameters if each is config or _takes_runtime(each)]
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter not in takers:
            raise GraphError(
                f"{where}: a factory gets the run's config and a ServerRuntime, and its parameter {parameter.name!r} "
                "has no default; give it one or remove it"
            )
    return takers


def _takes_runtime(parameter: inspect.Parameter) -> bool:
    # Annotations may be text, so their text is what counts.
    if parameter.annotation is parameter.empty:
        return parameter.name == "runtime"
    text = str(parameter.annotation)
    return "ServerRuntime" in text or "langgraph_sdk.runtime" in text


def _takes_config(parameter: inspect.Parameter) -> bool:
    is_option = parameter.kind is parameter.KEYWORD_ONLY and parameter.default is not parameter.empty
    return not is_option or parameter.name == "config"


def _context_schema(factory: Callable[..., Any], takers: list[inspect.Parameter]) -> Any:
    """The type in `ServerRuntime[…]`, if the factory's annotation says one."""
    name = next((parameter.name for parameter in takers if _takes_runtime(parameter)), None)
    function = factory.func if isinstance(factory, partial) else factory
    try:
        hint = get_type_hints(inspect.unwrap(function)).get(name or "")
    except Exception:  # of the author's annotations, which need not lead anywhere
        return None
    # It may be one of a union, such as an optional one.
    runtime = next((part for part in (hint, *get_args(hint)) if "ServerRuntime" in str(get_origin(part))), None)
    return next(iter(get_args(runtime)), None)


def _typed(schema: Any, context: Any) -> Any:
    """The context as the schema has it: LangGraph makes those of the graph's own schema likewise."""
    if not isinstance(schema, type) or not isinstance(context, dict):
        return context
    if dataclasses.is_dataclass(schema):
        names = {field.name for field in dataclasses.fields(schema)}
        return schema(**{key: value for key, value in context.items() if key in names})
    return schema(**context) if issubclass(schema, BaseModel) else context
