"""Work that goes on for as long as the server does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import structlog

# Seconds before a failed operation is tried again.
RETRY_PERIOD = 1.0
log = structlog.get_logger("treadle.runs")


async def forever(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do `work` until it is done or cancelled: a fault in it is logged, and it begins again after a while."""
    while True:
        try:
            await work()
            return
        except Exception:  # whatever it is, runs must go on being claimed, renewed and swept out
            log.exception("background work failed; going on", work=getattr(work, "__qualname__", repr(work)))
        await asyncio.sleep(RETRY_PERIOD)
