"""Runs as they come from the rows of an SQLite file."""

from __future__ import annotations

from typing import Any

import orjson

from treadle.encoding import parse
from treadle.storage.records import CancelRequest, Outcome, RunRecord
from treadle.storage.sqlite.database import Row

COLUMNS = (
    "run_id, thread_id, assistant_id, graph_id, request, shared, size, created_at, due, status, attempt, claim, "
    'updated_at, started_at, ended_at, expires_at, first_event_at, "values", error, interrupts, cancelled'
)


def request_of(cancel: bytes | None) -> CancelRequest | None:
    """What is wanted of a running run."""
    return None if cancel is None else CancelRequest(*orjson.loads(cancel))


def record_of(row: Row) -> RunRecord:
    """The run in a row of COLUMNS."""
    (run_id, thread_id, assistant_id, graph_id, request, shared, size, created_at, due, status, attempt, claim) = row[
        :12
    ]
    updated_at, started_at, ended_at, expires_at, first_event_at, values, error, interrupts, cancelled = row[12:]
    document: dict[str, Any] = parse(request)
    outcome = None
    if ended_at is not None:
        outcome = Outcome(status, values, error, interrupts, cancelled, first_event_at)
    return RunRecord(
        run_id=run_id,
        thread_id=thread_id,
        assistant_id=assistant_id,
        graph_id=graph_id,
        metadata=document["metadata"],
        kwargs=document["kwargs"],
        multitask_strategy=document["multitask_strategy"],
        created_at=created_at,
        due=due,
        size=size,
        status=status,
        attempt=attempt,
        claim=claim,
        shared=bool(shared),
        updated_at=updated_at,
        started_at=started_at,
        ended_at=ended_at,
        expires_at=expires_at,
        outcome=outcome,
    )
