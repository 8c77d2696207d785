"""Kept threads as they go into the rows of a database, and come from them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from treadle.encoding import dump, parse
from treadle.storage.contract.threads import ThreadRecord, ThreadState, ThreadTtl

COLUMNS = (
    "thread_id, graph_id, metadata, config, graph_config, created_at, updated_at, state_updated_at, "
    'status, "values", error, interrupts, ttl_minutes, ttl_strategy, pruned'
)


def row_of(record: ThreadRecord) -> tuple[Any, ...]:
    """The row of a thread that is added."""
    state = record.state
    return (
        record.thread_id,
        record.graph_id,
        dump(record.metadata),
        dump(record.config),
        dump(record.graph_config),
        record.created_at,
        record.updated_at,
        record.state_updated_at,
        state.status,
        state.values,
        state.error,
        state.interrupts,
        record.ttl.minutes,
        record.ttl.strategy,
        record.expires_at,
    )


def thread_of(row: Iterable[Any]) -> ThreadRecord:
    """The thread in a row of COLUMNS."""
    thread_id, graph_id, metadata, config, graph_config, created_at, updated_at, state_updated_at, *rest = row
    status, values, error, interrupts, ttl_minutes, ttl_strategy, pruned = rest
    return ThreadRecord(
        thread_id=thread_id,
        graph_id=graph_id,
        metadata=parse(metadata),
        config=parse(config),
        graph_config=parse(graph_config),
        created_at=created_at,
        updated_at=updated_at,
        state_updated_at=state_updated_at,
        state=ThreadState(status, values, error, interrupts),
        ttl=ThreadTtl(ttl_minutes, ttl_strategy),
        pruned=bool(pruned),
    )
