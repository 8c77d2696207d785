"""How a process ends although nodes of its graphs do not."""

from __future__ import annotations

import logging
import os
import sys
import threading

import structlog

from treadle.graphs.event_loops import NODE_THREADS

log = structlog.get_logger("treadle")


def leave_blocked_threads(code: int) -> None:
    """End the process with `code` if a synchronous node still blocks its thread: Python would wait for it for ever."""
    blocked = [thread for thread in threading.enumerate() if thread.name.startswith(NODE_THREADS)]
    for thread in blocked:
        thread.join(timeout=0.5 / len(blocked))
    if any(thread.is_alive() for thread in blocked):
        log.warning("leaving nodes behind that block their threads")
        logging.shutdown()
        sys.stdout.flush()
        os._exit(code)
