"""A run as its readers see it: the API's Run and RunDetail, and the body of a wait."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

from treadle.encoding import fragment, timestamp, when
from treadle.errors import EncryptionFailed
from treadle.execution.config import Deployment
from treadle.storage.contract.deliveries import Delivery
from treadle.storage.contract.runs import Outcome, RunRecord
from treadle.users import public
from treadle_api.results import Run, RunDetail

NO_OUTCOME = Outcome("pending")
Json = dict[str, Any]


def run_view(run: RunRecord, deployment: Deployment) -> Run:
    """The API's Run, keys in the recorded order. A claimed run shows the additions of its attempt.

    Raises EncryptionFailed (500) for a run that cannot be decrypted.
    """
    if run.unreadable is not None:
        raise EncryptionFailed(run.unreadable)
    kwargs, config = run.kwargs.to_json(), run.kwargs.config
    configurable = config["configurable"]
    if user := configurable.get("langgraph_auth_user"):
        configurable = {**configurable, "langgraph_auth_user": public(user)}
        kwargs["config"] = {**config, "configurable": configurable}
    if run.attempt:
        kwargs["config"] = {
            **config,
            "configurable": {**configurable, "__pregel_node_finished": None},
            "metadata": {**config["metadata"], **deployment.metadata(run.attempt)},
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


def run_detail(
    run: RunRecord, deployment: Deployment, deliveries: Iterable[Delivery], feedback: Sequence[Mapping[str, Any]]
) -> RunDetail:
    """The Run and, once it has ended, its outcome. Fields without a value yet are null."""
    outcome = run.outcome or NO_OUTCOME
    detail = {
        **run_view(run, deployment),
        "values": fragment(outcome.values),
        "error": fragment(outcome.error or outcome.cancelled),
        "interrupts": fragment(outcome.interrupts or b"[]"),
        "webhook_deliveries": [delivery_view(delivery) for delivery in deliveries],
        "feedback": feedback,
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
    outcome, modes = run.outcome, run.kwargs.stream_mode
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


def _milliseconds(start: float | None, end: float | None) -> float | None:
    return None if start is None or end is None else round(max(end - start, 0) * 1000, 3)
