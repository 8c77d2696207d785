"""A run as its readers see it: the API's Run and RunDetail, the body of a wait, and the graph's own config."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, cast

from langchain_core.runnables import RunnableConfig

from treadle.encoding import fragment
from treadle.runs.tracing import tracers
from treadle.storage.deliveries import Delivery
from treadle.storage.records import Outcome, RunRecord
from treadle_api.results import Run, RunDetail

NOT_FORWARDED = frozenset({"callbacks", "run_id"})
"""Keys of a request's config that no graph is called with: LangChain expects Python objects there."""
NO_OUTCOME = Outcome("pending")
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a run's metadata says of the server that runs it."""

    version: str
    langgraph_version: str
    api_url: str | None

    def metadata(self, attempt: int) -> dict[str, Any]:
        """The keys that every attempt adds to the graph's metadata, named as recorded, valued truly."""
        return {
            "run_attempt": attempt,
            "langgraph_version": self.langgraph_version,
            "langgraph_api_version": self.version,
            "langgraph_plan": "treadle",
            "langgraph_host": "self-hosted",
            "langgraph_api_url": self.api_url,
        }


def timestamp(seconds: float) -> str:
    """ISO 8601 in UTC with six digits of a second: `2026-11-21T02:41:29.207609+00:00`."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")


def run_config(run: RunRecord, deployment: Deployment) -> RunnableConfig:
    """The config with which the graph of this attempt is called."""
    return graph_config(run.kwargs["config"], deployment, attempt=run.attempt)


def graph_config(stored: dict[str, Any], deployment: Deployment, *, attempt: int) -> RunnableConfig:
    """What a graph, and its factory, is given for the config that a run was stored with."""
    config = {key: value for key, value in stored.items() if key not in NOT_FORWARDED}
    config = {**config, "metadata": {**config["metadata"], **deployment.metadata(attempt)}}
    config["configurable"] = dict(config["configurable"])
    if traces := tracers(config["configurable"]):
        config["callbacks"] = traces
    if isinstance(limit := config.get("recursion_limit"), float):
        config["recursion_limit"] = int(limit)  # JSON Schema counts 7.0 as an integer
    return cast(RunnableConfig, config)


def run_view(run: RunRecord, deployment: Deployment) -> Run:
    """The API's Run, keys in the recorded order. A run that was claimed shows what its attempt added."""
    kwargs = run.kwargs
    if run.attempt:
        config = kwargs["config"]
        kwargs = {
            **kwargs,
            "config": {
                **config,
                "configurable": {**config["configurable"], "__pregel_node_finished": None},
                "metadata": {**config["metadata"], **deployment.metadata(run.attempt)},
            },
        }
    return {
        "run_id": run.run_id,
        "thread_id": run.thread_id,
        "assistant_id": run.assistant_id,
        "metadata": run.metadata,
        "status": run.status,
        "kwargs": kwargs,
        "multitask_strategy": run.multitask_strategy,
        "created_at": timestamp(run.created_at),
        "updated_at": timestamp(run.updated_at),
        "langsmith_session_name": None,
    }


def run_detail(run: RunRecord, deployment: Deployment, deliveries: Iterable[Delivery] = ()) -> RunDetail:
    """The Run and, once it has ended, its outcome; what is not known yet is null."""
    outcome = run.outcome or NO_OUTCOME
    detail = {
        **run_view(run, deployment),
        "values": fragment(outcome.values),
        "error": fragment(outcome.error or outcome.cancelled),
        "interrupts": fragment(outcome.interrupts or b"[]"),
        "webhook_deliveries": [delivery_view(delivery) for delivery in deliveries],
        "started_at": when(run.started_at),
        "ended_at": when(run.ended_at),
        "expires_at": when(run.expires_at),
        **{f"{phase}_ms": duration for phase, duration in run_timings(run).items()},
        "attempts": run.attempt,
    }
    return cast(RunDetail, detail)


def delivery_view(delivery: Delivery) -> Json:
    """A line of the log of deliveries."""
    return {
        "id": delivery.delivery_id,
        "url": delivery.url,
        "status": delivery.status,
        "attempts": [
            {
                "at": timestamp(attempt.at),
                "status_code": attempt.status_code,
                "error": attempt.error,
                "duration_ms": round(attempt.duration * 1000, 3),
            }
            for attempt in delivery.attempts
        ],
        "next_attempt_at": timestamp(delivery.due) if delivery.status == "pending" else None,
    }


def run_timings(run: RunRecord) -> dict[str, float | None]:
    """How long the phases of a run took, in milliseconds; None until known."""
    outcome = run.outcome or NO_OUTCOME
    return {
        "queued": _milliseconds(run.due, run.started_at),
        "first_event": _milliseconds(run.started_at, outcome.first_event_at),
        "graph": _milliseconds(run.started_at, run.ended_at),
    }


def wait_body(run: RunRecord) -> bytes:
    """The JSON that a wait or a join of this ended run answers (recorded): state, `__interrupt__` or `__error__`."""
    outcome, modes = run.outcome, run.kwargs["stream_mode"]
    if outcome is None:
        return b"{}"
    if outcome.error is not None:
        return b'{"__error__":' + outcome.error + b"}"
    values = outcome.values if "values" in modes and outcome.values is not None else b"{}"
    if outcome.interrupts is None or not {"values", "updates"}.intersection(modes):
        return values
    if not values.startswith(b"{") or values == b"{}":
        return b'{"__interrupt__":' + outcome.interrupts + b"}"
    return values[:-1] + b',"__interrupt__":' + outcome.interrupts + b"}"


def when(seconds: float | None) -> str | None:
    """As `timestamp`; None for what has not come."""
    return None if seconds is None else timestamp(seconds)


def _milliseconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(end - start, 0) * 1000, 3)
