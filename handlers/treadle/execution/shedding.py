"""Clients that have stopped reading, when others wait for the slots that their runs hold."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import structlog

from treadle.execution.runner import Attempt
from treadle.storage.contract.events import EventLog

# Seconds between two looks: a client that takes nothing in between is broken off, as long as runs wait for a slot.
PERIOD = 1.0
log = structlog.get_logger("treadle.runs")


async def shed_forever(attempts: Mapping[str, Attempt], crowded: Callable[[], bool], events: EventLog) -> None:
    """While it is `crowded`, let no run wait for a client that reads nothing: it goes on without it."""
    while True:
        await asyncio.sleep(PERIOD)
        if not crowded():
            continue
        waiting = [run_id for run_id, attempt in attempts.items() if attempt.waits_for_room]
        broken = sum(events.shed(run_id) for run_id in waiting)
        if broken:
            log.warning("clients that read nothing were broken off: runs wait for their slots", clients=broken)
