"""A thousand runs of every kind leave nothing behind once their retention is over: no record, no event, no memory."""

from __future__ import annotations

import os
import time
from collections.abc import Sized
from pathlib import Path

import pytest

from tests.cli.processes import serve
from tests.endurance.mixed_runs import answers, make_runs
from tests.endurance.speaking import ENDURANCE
from tests.live import LiveServer, serving, until
from treadle.runs.savers import MemorySavers

pytestmark = pytest.mark.anyio
RUNS, FIRST = 1000, 200
RATE = 150
"""Runs a second. Memory in use follows what is retained: at full speed 800 runs at once, against the first 200."""
QUIET = 2.5
"""Seconds after the last run in which a server forgets it: its retention is one, and it sweeps once a second."""


def left(live: LiveServer) -> dict[str, int]:
    """What a server's stores still hold, whatever they are made of: the length of each container that is not empty."""
    services = live.services
    storage, savers = services.storage, services.checkpoints.savers
    assert isinstance(savers, MemorySavers)
    stores = (storage.runs, storage.threads, storage.events, savers.saver)
    return {
        f"{type(store).__name__}.{name}": len(value)
        for store in stores
        for name, value in vars(store).items()
        if isinstance(value, Sized) and len(value)
    }


async def test_a_thousand_runs_leave_no_record_no_event_and_no_checkpoint() -> None:
    with serving(ENDURANCE, database_uri="memory://", run_ttl=1, resumable_ttl=1) as live:
        made = await make_runs(live.url, range(RUNS))
        assert len({ran.run_id for ran in made}) == RUNS
        assert left(live).keys() >= {"MemoryRunStore._records", "MemoryEventLog._runs"}
        until(lambda: not left(live))
        paths = [path for ran in made for path in (f"/runs/{ran.run_id}", f"/threads/{ran.thread_id}/runs")]
        assert await answers(live.url, paths) == {404}


def resident(pid: int) -> float:
    """MB that a process has in memory, once it has been quiet for a while."""
    time.sleep(QUIET)
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def test_a_thousand_runs_take_no_more_memory_than_two_hundred() -> None:
    with serve("--port", "0", config=ENDURANCE, RUN_TTL_SECONDS="1", RESUMABLE_STREAM_TTL_SECONDS="1") as process:
        await make_runs(process.url, range(FIRST), rate=RATE)
        before = resident(process.process.pid)
        await make_runs(process.url, range(FIRST, RUNS), rate=RATE)
        after = resident(process.process.pid)
    assert after < before * 1.05, (before, after)
