"""PostgreSQL with many runs: what a claim, a new run, a look at one and a sweep take, in a table of up to a million."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from time import perf_counter

import psycopg

from benchmarks.bench import Bench
from benchmarks.distributed.databases import a_place
from benchmarks.subjects import ADDED, CLAIM, READ, SWEEP
from tests.storage.stores import claim_one, claimed, ending, opened
from treadle.storage.contract.store import Storage

PLACES = (10_000, 100_000, 1_000_000)
COUNT = 200
REQUEST = b'{"metadata":{},"kwargs":{"temporary":true,"resumable":true},"multitask_strategy":null}' + b" " * 1000
# Nine runs in ten have ended; one in a hundred of those expires at once, the others in an hour.
FILL = """
INSERT INTO {schema}.runs (run_id, thread_id, assistant_id, graph_id, request, temporary, resumable, shared, size,
    created_at, due, status, attempt, updated_at, ended_at, expires_at, "values")
SELECT 'old ' || n, 'thread ' || n, 'assistant', 'graph', %(request)s, true, true, true, 2500, %(now)s, %(now)s,
    CASE WHEN n %% 10 = 0 THEN 'pending' ELSE 'success' END, 1, %(now)s,
    CASE WHEN n %% 10 > 0 THEN %(now)s END,
    CASE WHEN n %% 10 > 0 THEN %(now)s + CASE WHEN n %% 100 = 1 THEN -1 ELSE 3600 END END,
    CASE WHEN n %% 10 > 0 THEN %(request)s END
FROM generate_series(1, %(count)s) AS n
"""


def measure(bench: Bench) -> None:
    """A new schema for each number of runs."""
    for at in PLACES:
        bench.say(f"PostgreSQL, {at:,} runs")
        with a_place("PostgreSQL", bench.folder) as address:
            asyncio.run(_measure(bench, address, at))


async def _measure(bench: Bench, address: str, at: int) -> None:
    uri, _, schema = address.partition("#")
    async with opened(address, time.time, run_ttl=600.0, database_timeout=60.0) as storage:
        with psycopg.connect(uri, autocommit=True) as connection:
            values = {"request": REQUEST, "now": time.time(), "count": at}
            connection.execute(FILL.format(schema=schema).encode(), values)
            connection.execute(f"ANALYZE {schema}.runs".encode())
        bench.durations(CLAIM, "PostgreSQL", [await _took(lambda: claim_one(storage)) for _ in range(COUNT)], at)
        bench.durations(ADDED, "PostgreSQL", [await _added(storage, number) for number in range(COUNT)], at)
        reads = [await _took(lambda: storage.runs.get("old 2")) for _ in range(COUNT)]
        bench.durations(READ, "PostgreSQL", reads, at)
        sweeping = asyncio.ensure_future(storage.runs.sweep())
        beside: list[float] = []
        while not sweeping.done():
            beside.append(await _added(storage, COUNT + len(beside)))
        assert len((await sweeping)[0]) == at // 100
        bench.durations(SWEEP, "PostgreSQL", beside, at)


async def _added(storage: Storage, number: int) -> float:
    """The seconds of a run that is added and settled."""
    now = time.time()
    run = claimed(f"new {number}", due=now, created_at=now, updated_at=now, started_at=now)

    async def both() -> None:
        await storage.runs.add([run])
        await storage.runs.settle(run.run_id, run.claim or "", ending(at=now))

    return await _took(both)


async def _took(work: Callable[[], Awaitable[object]]) -> float:
    started = perf_counter()
    await work()
    return perf_counter() - started
