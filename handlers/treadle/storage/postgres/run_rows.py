"""Runs as they go into the rows of a PostgreSQL database, and come from them."""

from __future__ import annotations

from typing import Any

import orjson

from treadle.encoding import dump, parse
from treadle.storage.contract.runs import CancelRequest, IdempotentRequest, Outcome, RunKwargs, RunRecord
from treadle.storage.postgres.database import Row

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
    "number",
)
# Bytes of a row beside the request and the outcome.
ROW_BYTES = 1500


def request_of(cancel: str | None) -> CancelRequest | None:
    """The cancel request in a column, if any."""
    return None if cancel is None else CancelRequest(*orjson.loads(cancel))


def row_of(record: RunRecord, lease: float, keyed_until: float | None) -> tuple[Any, ...]:
    """The row of a run that is added. `lease`: when a claim that it comes with is over."""
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
        keyed_until,
        record.attached_until,
    )


def record_of(row: Row, known: RunRecord | None = None) -> RunRecord:
    """The run in a row of COLUMNS. `known`: an earlier record of it, from which its request need not be read again."""
    if known is None:
        document: dict[str, Any] = parse(row["request"])
        asked = document["metadata"], RunKwargs.from_json(document["kwargs"])
        strategy, base_url = document["multitask_strategy"], document.get("base_url")
    else:
        asked = known.metadata, known.kwargs
        strategy, base_url = known.multitask_strategy, known.base_url
    outcome = None
    if row["ended_at"] is not None:
        outcome = Outcome(
            row["status"],
            row["values"],
            row["error"],
            row["interrupts"],
            row["cancelled"],
            row["first_event_at"],
            row["feedback"],
        )
    return RunRecord(
        run_id=row["run_id"],
        thread_id=row["thread_id"],
        assistant_id=row["assistant_id"],
        graph_id=row["graph_id"],
        metadata=asked[0],
        kwargs=asked[1],
        multitask_strategy=strategy,
        created_at=row["created_at"],
        due=row["due"],
        size=row["size"],
        status=row["status"],
        attempt=row["attempt"],
        claim=row["claim"],
        shared=row["shared"],
        base_url=base_url,
        updated_at=row["updated_at"],
        started_at=row["started_at"],
        ended_at=row["ended_at"],
        expires_at=row["expires_at"],
        attached_until=row["attached_until"],
        outcome=outcome,
    )


def once_of(row: Row) -> IdempotentRequest:
    """The request with an `Idempotency-Key` in a row."""
    caller, key, fingerprint, expires_at, run_ids = row
    return IdempotentRequest(caller, key, fingerprint, expires_at, tuple(run_ids))
