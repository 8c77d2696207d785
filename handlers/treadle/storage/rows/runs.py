"""Runs as they go into the rows of a database, and come from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import orjson

from treadle.encoding import dump, parse
from treadle.storage.contract.runs import CancelRequest, Outcome, RunKwargs, RunRecord

COLUMNS = (
    "run_id",
    "thread_id",
    "assistant_id",
    "graph_id",
    "request",
    "shared",
    "size",
    "created_at",
    "due",
    "status",
    "attempt",
    "claim",
    "updated_at",
    "started_at",
    "ended_at",
    "expires_at",
    "attached_until",
    "first_event_at",
    '"values"',
    "error",
    "interrupts",
    "cancelled",
    "feedback",
)
# Bytes of a row beside the request and the outcome.
ROW_BYTES = 1500


def request_of(cancel: bytes | str | None) -> CancelRequest | None:
    """The cancel request in a column, if any."""
    return None if cancel is None else CancelRequest(*orjson.loads(cancel))


def row_of(record: RunRecord, lease: float) -> tuple[Any, ...]:
    """The row of a run that is added. `lease`: when a claim that it comes with is over, in seconds since the epoch."""
    request = {
        "metadata": record.metadata,
        "kwargs": record.kwargs.to_json(),
        "multitask_strategy": record.multitask_strategy,
    }
    if record.base_url is not None:
        request["base_url"] = record.base_url
    return (
        record.run_id,
        record.thread_id,
        record.assistant_id,
        record.graph_id,
        dump(request),
        record.temporary,
        record.resumable,
        record.shared or record.resumable,
        record.size + ROW_BYTES,
        record.created_at,
        record.due,
        record.status,
        record.attempt,
        record.claim,
        lease if record.claim is not None else None,
        record.updated_at,
        record.started_at,
        record.attached_until,
    )


def run_of(row: Iterable[Any], known: RunRecord | None = None) -> RunRecord:
    """The run in a row of COLUMNS. `known`: an earlier record of it, from which its request need not be read again."""
    (
        run_id,
        thread_id,
        assistant_id,
        graph_id,
        request,
        shared,
        size,
        created_at,
        due,
        status,
        attempt,
        claim,
        updated_at,
        started_at,
        ended_at,
        expires_at,
        attached_until,
        first_event_at,
        values,
        error,
        interrupts,
        cancelled,
        feedback,
    ) = row
    if known is None:
        document: dict[str, Any] = parse(request)
        metadata, kwargs = document["metadata"], RunKwargs.from_json(document["kwargs"])
        strategy, base_url = document["multitask_strategy"], document.get("base_url")
    else:
        metadata, kwargs = known.metadata, known.kwargs
        strategy, base_url = known.multitask_strategy, known.base_url
    outcome = None
    if ended_at is not None:
        outcome = Outcome(status, values, error, interrupts, cancelled, first_event_at, feedback)
    return RunRecord(
        run_id=run_id,
        thread_id=thread_id,
        assistant_id=assistant_id,
        graph_id=graph_id,
        metadata=metadata,
        kwargs=kwargs,
        multitask_strategy=strategy,
        created_at=created_at,
        due=due,
        size=size,
        status=status,
        attempt=attempt,
        claim=claim,
        shared=bool(shared),
        base_url=base_url,
        updated_at=updated_at,
        started_at=started_at,
        ended_at=ended_at,
        expires_at=expires_at,
        attached_until=attached_until,
        outcome=outcome,
    )
