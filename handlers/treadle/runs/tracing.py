"""LangSmith: a request may name the project, and the example, that the trace of its run belongs to; and a traced run
gets its feedback there.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache
from typing import Any

from langchain_core.tracers.langchain import LangChainTracer
from langsmith import Client
from langsmith.utils import get_env_var, tracing_is_enabled

TRACE_PROJECT = "__langsmith_project__"
TRACE_EXAMPLE = "__langsmith_example_id__"
# Milliseconds that LangSmith has to take a connection, and to answer.
TIMEOUTS = (1000, 2000)


def tracers(configurable: dict[str, Any]) -> list[LangChainTracer]:
    """The tracer for one run; none if it is traced like all others, or if this process traces nothing."""
    project, example = configurable.get(TRACE_PROJECT), configurable.get(TRACE_EXAMPLE)
    if not (project or example) or not tracing_is_enabled():
        return []
    return [LangChainTracer(project_name=project, example_id=example)]


def takes_feedback() -> bool:
    """Whether the runs of this process have traces on which LangSmith takes feedback."""
    return bool(tracing_is_enabled() and get_env_var("API_KEY"))


def feedback_links(run_id: str, keys: Sequence[str], life: timedelta) -> dict[str, str]:
    """LangSmith's URL for feedback under each key, good for `life`. Blocks; raises what its client does."""
    tokens = _client().create_presigned_feedback_tokens(run_id, keys, expiration=life)
    return {key: token.url for key, token in zip(keys, tokens, strict=True)}


@cache
def _client() -> Client:
    """A client of its own, that sends nothing in the background and does not wait for long."""
    return Client(timeout_ms=TIMEOUTS, auto_batch_tracing=False)
