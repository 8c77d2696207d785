"""A SQLite store with many runs reads no more of them than it needs, and never keeps its writers waiting for long."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest

from tests.storage.stores import RESUMABLE, RESUMABLE_TTL, Clock, begin, count, database, end, opened
from treadle.storage.contract.store import Storage
from treadle.storage.sqlite.runs import SQL, SqliteRunStore

pytestmark = pytest.mark.anyio
T = TypeVar("T")
FILL = """
WITH RECURSIVE numbers (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < ?)
INSERT INTO runs (run_id, thread_id, assistant_id, graph_id, request, temporary, resumable, shared, size, created_at,
    due, status, attempt, updated_at)
SELECT 'run ' || n, 'thread ' || n, 'assistant', 'graph', ?, 1, 1, 1, 2500, 900, 900, 'pending', 1, 900
FROM numbers
"""
END_ALL = "UPDATE runs SET status = 'success', ended_at = 900, \"values\" = ?, expires_at = ?"
EXPIRE_SOME = "UPDATE runs SET expires_at = 999 WHERE rowid % 100 = 0"
WITH_EVENTS = """
INSERT INTO events (run_id, seq, name, data)
SELECT run_id, n, 'values', ? FROM runs, (SELECT value AS n FROM json_each('[1,2,3,4,5,6,7,8,9,10]'))
WHERE expires_at = 999
"""
REQUEST = b'{"metadata":{},"kwargs":{"temporary":true,"resumable":true},"multitask_strategy":null}' + b" " * 1000


async def meanwhile(storage: Storage, work: Coroutine[Any, Any, T]) -> tuple[int, T]:
    """The number of other writes, one after the other, while `work` is under way; and the result of `work`."""
    done = asyncio.ensure_future(work)
    others = 0
    while not done.done():
        await database(storage).write(lambda connection: None)
        others += 1
    return others, await done


async def test_a_sweep_of_many_among_many_more_lets_others_write_all_the_time(sqlite: Storage, path: Path) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute(FILL, (100_000, REQUEST))
        connection.execute(END_ALL, (b"x" * 1000, 5000.0))
        connection.execute(EXPIRE_SOME)
        connection.execute(WITH_EVENTS, (b"x" * 200,))
        connection.execute("INSERT INTO event_expiry SELECT run_id, expires_at FROM runs WHERE expires_at = 999")

    await database(sqlite).write(fill)
    others, (gone, upcoming) = await meanwhile(sqlite, sqlite.runs.sweep())
    assert (len(gone), upcoming) == (1000, 5000.0)
    assert others >= 20
    assert count(path, "count(*) FROM runs") == 99_000
    assert count(path, "count(*) FROM events") == 0
    assert count(path, "ended_bytes FROM totals") == count(path, "sum(size) FROM runs")


async def test_a_sweep_of_a_run_with_many_events_lets_others_write_all_the_time(path: Path, clock: Clock) -> None:
    async with opened(f"sqlite:///{path}", clock, event_buffer_bytes=2**24) as sqlite:
        run = await begin(sqlite, "a", RESUMABLE)
        for _ in range(20):
            sqlite.events.append("a", [("values", b"x" * 200)] * 1000)
        await end(sqlite, run)
        clock.now += RESUMABLE_TTL
        others, _ = await meanwhile(sqlite, sqlite.runs.sweep())
        assert others >= 20
        assert count(path, "count(*) FROM events") == count(path, "count(*) FROM event_expiry") == 0


@pytest.mark.parametrize(
    ("statement", "index"),
    [
        ("claimable", "runs_due (graph_id=? AND due<?)"),
        ("find_status", "runs_due"),
        ("expired", "runs_expiry (expires_at<?)"),
    ],
)
async def test_what_happens_all_the_time_reads_an_index_and_no_more(
    sqlite: Storage, statement: str, index: str
) -> None:
    assert isinstance(sqlite.runs, SqliteRunStore)
    text = {**SQL, "claimable": sqlite.runs._claimable}[statement].replace("{status}", "pending")
    parameters = {"claimable": (1.0, 1, '["graph"]', "[]"), "find_status": (1.0,), "expired": (1.0, 1)}[statement]
    steps = [step[3] for step in database(sqlite).read("EXPLAIN QUERY PLAN " + text, *parameters)]
    assert any(step.endswith(f"INDEX {index}") for step in steps), steps
    assert "SCAN runs" not in steps
