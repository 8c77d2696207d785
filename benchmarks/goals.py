"""The goals: each a figure, or the ratio of two, and the bound that it is to keep."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.figures import Figures, Key
from benchmarks.spread import Spread, ratio
from benchmarks.subjects import (
    AT_ONCE,
    COLD_START,
    CPU,
    IMPORT,
    LOADS,
    MEMORY_EACH,
    OK_P99,
    ONE_BY_ONE,
    OPEN_STREAMS,
    P50,
    RATE,
    SECONDS,
    STREAM_16,
    STREAM_64,
    TWO_WORKERS,
    WAIT_1,
    WAIT_16,
    WAIT_64,
)


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of the table."""

    what: str
    store: str
    """Where Treadle has its runs."""
    key: Key
    beside: Key | None
    """What the figure is divided by, round by round."""
    bound: float
    at_most: bool
    unit: str = ""

    def measured(self, figures: Figures) -> Spread | None:
        """What was measured; None if it was not."""
        if self.key not in figures.values:
            return None
        if self.beside is None:
            return figures.spread(self.key)
        if self.beside not in figures.values:
            return None
        return ratio(figures.values[self.key], figures.values[self.beside])

    def is_met(self, spread: Spread) -> bool:
        """Whether the median keeps the bound."""
        return spread.median <= self.bound if self.at_most else spread.median >= self.bound

    def write(self, value: float) -> str:
        """A value of this goal, with its unit."""
        return f"{value:.{2 if abs(value) < 10 else 0}f} {self.unit}".rstrip()

    def text(self) -> str:
        """The bound."""
        return f"{'at most' if self.at_most else 'at least'} {self.write(self.bound)}"


def _of_the_floor(
    what: str, load: str, quantity: str, memory: float, sqlite: float, *, at_most: bool
) -> Iterator[Goal]:
    for server, bound in (("memory", memory), ("SQLite", sqlite)):
        yield Goal(what, server, Key(load, server, quantity), Key(load, "floor", quantity), bound, at_most)


def _all() -> Iterator[Goal]:
    for load in (WAIT_16, WAIT_64):
        yield from _of_the_floor(f"throughput, {load}", load, RATE, 0.90, 0.85, at_most=False)
    for load in (STREAM_16, STREAM_64):
        yield from _of_the_floor(f"throughput, {load}", load, RATE, 0.95, 0.90, at_most=False)
    yield from _of_the_floor(f"throughput, {AT_ONCE}", AT_ONCE, RATE, 2.0, 2.0, at_most=False)
    yield from _of_the_floor(f"throughput, {ONE_BY_ONE}", ONE_BY_ONE, RATE, 0.95, 0.95, at_most=False)
    yield from _of_the_floor("idle wait, median", WAIT_1, P50, 1.2, 1.3, at_most=True)
    for load in LOADS:
        yield from _of_the_floor(f"CPU time per run, {load}", load, CPU, 1.12, 1.20, at_most=True)
    for server in ("memory", "SQLite"):
        yield Goal("memory of an open stream", server, Key(OPEN_STREAMS, server, MEMORY_EACH), None, 80, True, "KiB")
        yield Goal("`/ok` p99 beside 1,000 streams", server, Key(OPEN_STREAMS, server, OK_P99), None, 10, True, "ms")
    for load in (WAIT_64, STREAM_64):
        one = Key(load, "SQLite", RATE)
        yield Goal(f"two workers over one, {load}", "SQLite", Key(load, TWO_WORKERS, RATE), one, 1.8, False)
    imports = Key(COLD_START, IMPORT, SECONDS)
    yield Goal("cold start over its imports", "SQLite", Key(COLD_START, "SQLite", SECONDS), imports, 1.05, True)


GOALS = tuple(_all())
"""In the order of the table."""


def _official() -> Iterator[Goal]:
    rate, idle = Key(WAIT_64, "official", RATE), Key(WAIT_1, "official", P50)
    for server in ("memory", "SQLite"):
        yield Goal(f"throughput over its, {WAIT_64}", server, Key(WAIT_64, server, RATE), rate, 5, False)
        yield Goal("its idle wait over ours", server, idle, Key(WAIT_1, server, P50), 300, False)


OFFICIAL = tuple(_official())
"""Beside the official server."""


def find(load: str, server: str, quantity: str) -> Goal | None:
    """The goal for a figure."""
    return next((goal for goal in GOALS if goal.key == Key(load, server, quantity)), None)
