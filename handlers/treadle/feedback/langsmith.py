"""LangSmith takes the feedback on the runs that it traces."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from functools import cache

from langsmith import Client
from langsmith.utils import get_env_var, tracing_is_enabled

# Milliseconds that LangSmith has to take a connection, and to answer.
TIMEOUTS = (1000, 2000)


def takes_feedback() -> bool:
    """Whether the runs of this process have traces on which LangSmith takes feedback."""
    return bool(tracing_is_enabled() and get_env_var("API_KEY"))


def feedback_links(run_id: str, keys: Sequence[str], life: timedelta) -> dict[str, str]:
    """LangSmith's URL for feedback under each key, good for `life`. Blocks. Raises the errors of LangSmith's client."""
    tokens = _client().create_presigned_feedback_tokens(run_id, keys, expiration=life)
    return {key: token.url for key, token in zip(keys, tokens, strict=True)}


@cache
def _client() -> Client:
    """A client of its own, that sends nothing in the background and does not wait for long."""
    return Client(timeout_ms=TIMEOUTS, auto_batch_tracing=False)
