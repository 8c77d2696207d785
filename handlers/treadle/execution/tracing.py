"""Traces of runs: where LangSmith keeps them, and the trace of the client that they continue."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from typing import Any

import structlog
from langchain_core.tracers.langchain import LangChainTracer
from langsmith import RunTree
from langsmith.run_helpers import tracing_context
from langsmith.utils import tracing_is_enabled

TRACE_PROJECT = "__langsmith_project__"
TRACE_EXAMPLE = "__langsmith_example_id__"
CALLERS_TRACE = "langsmith-trace"
LANGSMITH = {name: f"langsmith-{name}" for name in ("project", "tags", "metadata")}
"""What belongs to every run of the caller's LangSmith trace -> its key of `configurable`."""
OPENTELEMETRY = {name: f"__otel_{name}__" for name in ("traceparent", "tracestate", "baggage")}
"""Headers of the W3C about a trace -> their keys of `configurable`."""
log = structlog.get_logger("treadle.runs")


def tracers(configurable: dict[str, Any]) -> list[LangChainTracer]:
    """The tracer for one run; none if it is traced like all others, or if this process traces nothing."""
    project, example = configurable.get(TRACE_PROJECT), configurable.get(TRACE_EXAMPLE)
    if not (project or example) or not tracing_is_enabled():
        return []
    return [LangChainTracer(project_name=project, example_id=example)]


def continued_trace(configurable: dict[str, Any]) -> AbstractContextManager[None]:
    """Run a graph within the trace that the request belongs to, if it belongs to one."""
    traced = CALLERS_TRACE in configurable or OPENTELEMETRY["traceparent"] in configurable
    return _continued(configurable) if traced else nullcontext()


@contextmanager
def _continued(configurable: dict[str, Any]) -> Iterator[None]:
    with ExitStack() as stack:
        trace = configurable.get(CALLERS_TRACE)
        if isinstance(trace, str) and trace and tracing_is_enabled():
            project, tags, metadata = (
                _typed(configurable.get(LANGSMITH[name]), kind)
                for name, kind in (("project", str), ("tags", list), ("metadata", dict))
            )
            if (parent := _parent(trace, project)) is not None:
                stack.enter_context(tracing_context(parent=parent, project_name=project, tags=tags, metadata=metadata))
        if OPENTELEMETRY["traceparent"] in configurable:
            _attach({name: configurable.get(key) for name, key in OPENTELEMETRY.items()}, stack)
        yield


def _parent(trace: str, project: str | None) -> RunTree | None:
    try:
        return RunTree.from_headers({CALLERS_TRACE: trace}, **({"project_name": project} if project else {}))
    except ValueError as error:
        log.info("the header langsmith-trace is not valid: the run begins a trace of its own", error=repr(error))
        return None


def _typed(value: Any, kind: type) -> Any:
    """The value, or None: a client may write any JSON into `configurable`."""
    return value if isinstance(value, kind) else None


def _attach(headers: dict[str, Any], stack: ExitStack) -> None:
    """Spans that the graph makes with OpenTelemetry become children of the client's."""
    try:
        from opentelemetry import context, propagate
    except ImportError:  # another process, which had it, has taken the request
        return
    given = {name: value for name, value in headers.items() if isinstance(value, str)}
    stack.callback(context.detach, context.attach(propagate.extract(given)))
