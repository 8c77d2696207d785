"""Runs as they come from the rows of an SQLite file."""

from __future__ import annotations

from typing import Any

import orjson

from treadle.encoding import parse
from treadle.storage.contract.runs import CancelRequest, Outcome, RunKwargs, RunRecord
from treadle.storage.sqlite.database import Row

COLUMNS = (
    "run_id, thread_id, assistant_id, graph_id, request, shared, size, created_at, due, status, attempt, claim, "
    "updated_at, started_at, ended_at, expires_at, attached_until, first_event_at, "
    '"values", error, interrupts, cancelled, feedback'
)


def request_of(cancel: bytes | None) -> CancelRequest | None:
    """The cancel request in a column, if any."""
    return None if cancel is None else CancelRequest(*orjson.loads(cancel))


def record_of(row: Row, known: RunRecord | None = None) -> RunRecord:
    """The run in a row of COLUMNS. `known`: an earlier record of it, from which its request need not be read again."""
    (run_id, thread_id, assistant_id, graph_id, request, shared, size, created_at, due, status, attempt, claim) = row[
        :12
    ]
    updated_at, started_at, ended_at, expires_at, attached_until, first_event_at = row[12:18]
    values, error, interrupts, cancelled, feedback = row[18:]
    if known is None:
        document: dict[str, Any] = parse(request)
        asked = document["metadata"], RunKwargs.from_json(document["kwargs"])
        strategy, base_url = document["multitask_strategy"], document.get("base_url")
    else:
        asked = known.metadata, known.kwargs
        strategy, base_url = known.multitask_strategy, known.base_url
    outcome = None
    if ended_at is not None:
        outcome = Outcome(status, values, error, interrupts, cancelled, first_event_at, feedback)
    return RunRecord(
        run_id=run_id,
        thread_id=thread_id,
        assistant_id=assistant_id,
        graph_id=graph_id,
        metadata=asked[0],
        kwargs=asked[1],
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
