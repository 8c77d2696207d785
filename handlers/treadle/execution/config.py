"""The config that a graph is called with: the request's own config and the server's additions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

from langchain_core.runnables import RunnableConfig

from treadle.encoding import json_copy
from treadle.execution.tracing import tracers
from treadle.storage.contract.runs import RunRecord
from treadle.users import User

NOT_FORWARDED = frozenset({"callbacks", "run_id"})
"""Keys of a request's config that no graph is called with: LangChain expects Python objects there."""
CONTEXT_PROVIDED = "__context_provided__"
"""A key of `configurable` in the record of a run whose request had a `context`; no graph sees it."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """Facts about this server that appear in the metadata of its runs."""

    version: str
    langgraph_version: str
    api_url: str | None

    def metadata(self, attempt: int) -> dict[str, Any]:
        """The keys that every attempt adds to the graph's metadata: the official names, with this server's values."""
        return {
            "run_attempt": attempt,
            "langgraph_version": self.langgraph_version,
            "langgraph_api_version": self.version,
            "langgraph_plan": "treadle",
            "langgraph_host": "self-hosted",
            "langgraph_api_url": self.api_url,
        }


def run_config(run: RunRecord, deployment: Deployment) -> RunnableConfig:
    """The config with which the graph of this attempt is called."""
    config = graph_config(run.kwargs.config, deployment, attempt=run.attempt)
    config["run_id"] = UUID(run.run_id)  # traces, events and links for feedback have the id that the client knows
    return config


def graph_config(stored: dict[str, Any], deployment: Deployment, *, attempt: int) -> RunnableConfig:
    """The config for a graph or its factory, made from the config that the run was stored with."""
    # The author's code may change what it gets: a store in memory has the same objects.
    config = {key: json_copy(value) for key, value in stored.items() if key not in NOT_FORWARDED}
    config = {**config, "metadata": {**config["metadata"], **deployment.metadata(attempt)}}
    config["configurable"] = {key: value for key, value in config["configurable"].items() if key != CONTEXT_PROVIDED}
    if isinstance(user := config["configurable"].get("langgraph_auth_user"), dict):
        config["configurable"]["langgraph_auth_user"] = User(user)
    if traces := tracers(config["configurable"]):
        config["callbacks"] = traces
    if isinstance(limit := config.get("recursion_limit"), float):
        config["recursion_limit"] = int(limit)  # JSON Schema counts 7.0 as an integer
    return cast(RunnableConfig, config)
