"""The SQLite store alone, with many runs: a claim, and a write beside a sweep of one run in a hundred."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path
from time import perf_counter

from benchmarks.bench import Bench
from benchmarks.subjects import CLAIM, SWEEP
from tests.storage.stores import Clock, claim_one, database, ending, opened
from tests.storage.test_sqlite_speed import END_ALL, EXPIRE_SOME, FILL, REQUEST
from treadle.storage.contract.store import Storage

PLACES = (1_000, 10_000, 100_000)
"""A sweep of the smallest one is over after one or two writes."""
COUNT = 200


def measure(bench: Bench) -> None:
    """A new file for each number of runs."""
    for at in PLACES:
        for number in range(bench.rounds):
            bench.say(f"{CLAIM}, {SWEEP}: {at:,}, round {number + 1} of {bench.rounds}")
            folder = bench.folder / f"stored-{at}-{number}"
            folder.mkdir()
            asyncio.run(_measure(bench, at, folder))


async def _measure(bench: Bench, at: int, folder: Path) -> None:
    claims, sweep = folder / "claims.db", folder / "sweep.db"
    async with opened(f"sqlite:///{claims}", Clock()) as storage:
        await database(storage).write(lambda connection: connection.execute(FILL, (at, REQUEST)))
        _settle(claims)
        bench.durations(CLAIM, "SQLite", [await _claim(storage) for _ in range(COUNT)], at)
    async with opened(f"sqlite:///{sweep}", Clock()) as storage:
        await database(storage).write(partial(_expiring, count=at))
        _settle(sweep)
        sweeping = asyncio.ensure_future(storage.runs.sweep())
        beside = []
        while not sweeping.done():  # a write after the end of the sweep would not be beside it
            beside.append(await _write(storage))
        await sweeping
        bench.durations(SWEEP, "SQLite", beside, at)


def _expiring(connection: sqlite3.Connection, count: int) -> None:
    connection.execute(FILL, (count, REQUEST))
    connection.execute(END_ALL, (b"x" * 1000, 5000.0))
    connection.execute(EXPIRE_SOME)


def _settle(file: Path) -> None:
    """Copy what was filled in from the log to the file: the first write that is measured would do it."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


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
