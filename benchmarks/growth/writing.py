"""`python -m benchmarks.growth.writing URI SECONDS`: add runs to a store and settle them, 64 at once.

Prints `ready`, waits for a line, and prints the number of runs a second.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from itertools import count
from time import monotonic

from tests.storage.stores import claimed, ending, opened
from treadle.storage.contract.store import Storage

AT_ONCE = 64


async def main(uri: str, seconds: float) -> None:
    """Store for so many seconds."""
    async with opened(uri, time.time, lease=60.0, run_ttl=600.0) as storage:
        print("ready", flush=True)
        sys.stdin.readline()
        start, numbers = monotonic(), count()
        await asyncio.gather(*(_store(storage, numbers, start + seconds) for _ in range(AT_ONCE)))
        print(next(numbers) / (monotonic() - start))


async def _store(storage: Storage, numbers: count[int], end: float) -> None:
    while monotonic() < end:
        now = time.time()
        run_id = f"run {os.getpid()} {next(numbers)}"
        run = claimed(run_id, due=now, created_at=now, updated_at=now, started_at=now)
        await storage.runs.add([run])
        await storage.runs.settle(run.run_id, run.claim or "", ending(at=now))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], float(sys.argv[2])))
