"""A thousand runs of every kind leave nothing behind once their retention is over: no record, no event, no memory."""

from __future__ import annotations

import os
from collections.abc import Sized
from pathlib import Path

import pytest

from tests.durability.place import Place
from tests.endurance.mixed_runs import RUN_TTL, answers, make_runs
from tests.endurance.speaking import ENDURANCE
from tests.live import LiveServer, serving, until
from treadle.graphs.checkpointers import MemorySavers

pytestmark = pytest.mark.anyio
RUNS, FIRST = 1000, 200
RATE = 150
"""Runs a second. Memory in use follows the retained runs: at full speed 800 at once, against the first 200."""
MOST = 1.1
"""The most memory in use after all runs, as a multiple of that after the first runs."""


def left(live: LiveServer) -> dict[str, int]:
    """The length of each container in a server's stores that is not empty."""
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
    with serving(ENDURANCE, database_uri="memory://", run_ttl=RUN_TTL, resumable_ttl=1) as live:
        made = await make_runs(live.url, range(RUNS))
        assert len({ran.run_id for ran in made}) == RUNS
        assert left(live).keys() >= {"MemoryRunStore._records", "MemoryEventLog._runs"}
        until(lambda: not left(live))
        paths = [path for ran in made for path in (f"/runs/{ran.run_id}", f"/threads/{ran.thread_id}/runs")]
        assert await answers(live.url, paths) == {404}


def resident(place: Place, pid: int) -> float:
    """MB that a process has in memory, once it has forgotten its runs."""
    until(lambda: place.rows("SELECT count(*) FROM runs") == [(0,)])
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


async def test_a_thousand_runs_take_no_more_memory_than_two_hundred(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve(ENDURANCE, RUN_TTL_SECONDS=str(RUN_TTL), RESUMABLE_STREAM_TTL_SECONDS="1") as process:
        await make_runs(process.url, range(FIRST), rate=RATE)
        before = resident(place, process.process.pid)
        await make_runs(process.url, range(FIRST, RUNS), rate=RATE)
        after = resident(place, process.process.pid)
    assert after < before * MOST, (before, after)
