"""A SQLite store with many runs is as quick as one with few, and never keeps its writers waiting."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from time import perf_counter
from typing import Any

import pytest

from tests.storage.stores import (
    DONE,
    RESUMABLE,
    RESUMABLE_TTL,
    Clock,
    begin,
    claim_one,
    count,
    database,
    end,
    record,
    store,
)
from treadle.storage.base import Storage
from treadle.storage.sqlite.database import _Writer
from treadle.storage.sqlite.runs import SQL, SqliteRunStore

pytestmark = pytest.mark.anyio
HOLD = 0.020
"""Seconds for which a sweep may keep others from writing, at a time."""
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


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each commit has kept others from writing, in seconds."""
    times: list[float] = []
    commit = _Writer._commit

    def timed(*arguments: Any) -> None:
        started = perf_counter()
        commit(*arguments)
        times.append(perf_counter() - started)

    monkeypatch.setattr(_Writer, "_commit", timed)
    return times


def brief(held: list[float]) -> bool:
    """Whether all commits were, but for those that the machine held up."""
    print(f"{len(held)} commits, the longest {max(held) * 1000:.1f} ms, all {sum(held) * 1000:.1f} ms")
    return sorted(held)[len(held) * 9 // 10] < HOLD and max(held) < 10 * HOLD


async def test_a_sweep_of_many_among_many_more_lets_others_write_all_the_time(
    sqlite: Storage, path: Path, held: list[float]
) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute(FILL, (100_000, REQUEST))
        connection.execute(END_ALL, (b"x" * 1000, 5000.0))
        connection.execute(EXPIRE_SOME)
        connection.execute(WITH_EVENTS, (b"x" * 200,))
        connection.execute("INSERT INTO event_expiry SELECT run_id, expires_at FROM runs WHERE expires_at = 999")

    await database(sqlite).write(fill)
    await database(sqlite).write(lambda connection: None)  # the time of a commit is noted after its answer
    held.clear()
    gone, upcoming = await sqlite.runs.sweep()
    assert (len(gone), upcoming) == (1000, 5000.0)
    assert len(held) >= 20 and brief(held)
    assert count(path, "count(*) FROM runs") == 99_000
    assert count(path, "count(*) FROM events") == 0
    assert count(path, "ended_bytes FROM totals") == count(path, "sum(size) FROM runs")


async def test_a_sweep_of_a_run_with_many_events_lets_others_write_all_the_time(
    path: Path, clock: Clock, held: list[float]
) -> None:
    with closing(store(f"sqlite:///{path}", clock, event_buffer_bytes=2**24)) as sqlite:
        run = await begin(sqlite, "a", RESUMABLE)
        for _ in range(20):
            sqlite.events.append("a", [("values", b"x" * 200)] * 1000)
        await end(sqlite, run)
        clock.now += RESUMABLE_TTL
        held.clear()
        await sqlite.runs.sweep()
        assert len(held) >= 20 and brief(held)
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


async def test_a_claim_out_of_many_takes_no_longer_than_out_of_few(sqlite: Storage) -> None:
    def fill(connection: sqlite3.Connection) -> None:
        connection.execute(FILL, (20_000, REQUEST))

    async def fastest() -> float:
        times = []
        for _ in range(20):
            started = perf_counter()
            run = await claim_one(sqlite)
            times.append(perf_counter() - started)
            await sqlite.runs.settle(run.run_id, run.claim or "", DONE)
        return min(times)

    await sqlite.runs.add([record(f"few {number}", due=100.0) for number in range(20)])
    few = await fastest()
    await database(sqlite).write(fill)
    assert await fastest() < 5 * few
