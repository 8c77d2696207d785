"""A SQLite store with many runs: for how long a sweep keeps others from writing, and how long a claim takes."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from time import perf_counter

from benchmarks.figures import figure
from tests.storage.stores import Clock, claim_one, database, ending, opened, record
from tests.storage.test_sqlite_speed import END_ALL, EXPIRE_SOME, FILL, REQUEST
from treadle.storage.contract.store import Storage

MANY = 100_000


async def measure(folder: Path) -> list[str]:
    """Writes beside a sweep of one in a hundred, and claims out of few and of many."""
    async with opened(f"sqlite:///{folder}/sweep.db", Clock()) as storage:
        alone = [await _write(storage) for _ in range(200)]
        await database(storage).write(_expiring)
        sweeping = asyncio.ensure_future(storage.runs.sweep())
        beside = []
        while not sweeping.done():
            beside.append(await _write(storage))
        await sweeping
    async with opened(f"sqlite:///{folder}/claim.db", Clock()) as storage:
        await storage.runs.add([record(f"few {number}", due=100.0) for number in range(200)])
        few = [await _claim(storage) for _ in range(200)]
        await database(storage).write(lambda connection: connection.execute(FILL, (MANY, REQUEST)))
        many = [await _claim(storage) for _ in range(200)]
    return [
        figure("a write", alone),
        figure(f"a write beside a sweep among {MANY} runs", beside),
        figure("a claim out of few runs", few),
        figure(f"a claim out of {MANY} runs", many),
    ]


def _expiring(connection: sqlite3.Connection) -> None:
    connection.execute(FILL, (MANY, REQUEST))
    connection.execute(END_ALL, (b"x" * 1000, 5000.0))
    connection.execute(EXPIRE_SOME)


async def _write(storage: Storage) -> float:
    started = perf_counter()
    await storage.runs.renew({}, extend=True)
    return perf_counter() - started


async def _claim(storage: Storage) -> float:
    started = perf_counter()
    run = await claim_one(storage)
    took = perf_counter() - started
    await storage.runs.settle(run.run_id, run.claim or "", ending())
    return took
