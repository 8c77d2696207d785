"""How the interpreter is set for a server: when it collects garbage, and how long a thread may hold it."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """Import modules without collecting garbage: what they make stays, and each collection would walk all of it."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if collects:
            gc.enable()


def tune_interpreter() -> None:
    """Trade a little memory for latency.

    What start-up made stays: freezing it spares the collector from walking it, and it collects every 20,000 allocations
    instead of Python's default, since most of what a run makes is gone by itself. The graphs' thread
    must not hold the interpreter for the default 5 ms while the HTTP edge has something to answer.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    sys.setswitchinterval(0.001)
