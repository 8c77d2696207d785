"""LangSmith: a request may name the project, and the example, that the trace of its run belongs to."""

from __future__ import annotations

from typing import Any

from langchain_core.tracers.langchain import LangChainTracer
from langsmith.utils import tracing_is_enabled

TRACE_PROJECT = "__langsmith_project__"
TRACE_EXAMPLE = "__langsmith_example_id__"


def tracers(configurable: dict[str, Any]) -> list[LangChainTracer]:
    """The tracer for one run; none if it is traced like all others, or if this process traces nothing."""
    project, example = configurable.get(TRACE_PROJECT), configurable.get(TRACE_EXAMPLE)
    if not (project or example) or not tracing_is_enabled():
        return []
    return [LangChainTracer(project_name=project, example_id=example)]
