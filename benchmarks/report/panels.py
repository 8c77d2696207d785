"""The panels of the chart of growth, and the curves in each."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.figures import Figures
from benchmarks.subjects import (
    CLAIM,
    CPU_PER_EVENT,
    EVENTS_AT_ONCE,
    EVENTS_ONE_BY_ONE,
    FINISHED,
    FOLLOWERS,
    P50,
    PROCESSES_STORE,
    PROCESSES_STREAM,
    PROCESSES_WAIT,
    QUEUED_CREATE,
    QUEUED_OK,
    RATE,
    START,
    STATE,
    SWEEP,
)


@dataclass(frozen=True, slots=True)
class Curve:
    """One figure at several places."""

    label: str
    what: str
    server: str
    quantity: str
    each: float = 0.0
    """Other than 0: the value is divided by the place, and multiplied by this."""

    def points(self, figures: Figures) -> dict[int, float]:
        """Place -> median."""
        found = figures.curve(self.what, self.server, self.quantity)
        return {at: spread.median * self.each / at if self.each else spread.median for at, spread in found.items()}


@dataclass(frozen=True, slots=True)
class Panel:
    """Curves over the same places."""

    title: str
    unit: str
    across: str
    curves: tuple[Curve, ...]


def _servers(what: str, quantity: str, *, each: float = 0.0) -> tuple[Curve, ...]:
    return tuple(Curve(server, what, server, quantity, each) for server in ("floor", "memory", "SQLite"))


PANELS = (
    Panel("event, one by one", "µs an event", "events of the run", _servers(EVENTS_ONE_BY_ONE, P50, each=1000)),
    Panel("event, all at once", "µs an event", "events of the run", _servers(EVENTS_AT_ONCE, P50, each=1000)),
    Panel("state", "ms a run", "bytes of the state", _servers(STATE, P50)),
    Panel("followers", "µs of CPU a delivery", "followers of the run", _servers(FOLLOWERS, CPU_PER_EVENT)[1:]),
    Panel(
        "finished runs",
        "ms",
        "finished runs in the file",
        (Curve("a wait", FINISHED, "SQLite", P50), Curve("a start", FINISHED, "SQLite", START)),
    ),
    Panel(
        "queued runs",
        "ms",
        "queued runs",
        (
            Curve("/ok, SQLite", QUEUED_OK, "SQLite", P50),
            Curve("a create, memory", QUEUED_CREATE, "memory", P50),
            Curve("a create, SQLite", QUEUED_CREATE, "SQLite", P50),
        ),
    ),
    Panel(
        "the store alone",
        "ms",
        "runs in the store",
        (Curve("a claim, p50", CLAIM, "SQLite", P50), Curve("a write beside a sweep, p50", SWEEP, "SQLite", P50)),
    ),
    Panel(
        "processes",
        "runs a second",
        "processes on 2 cores",
        (
            Curve("waits", PROCESSES_WAIT, "SQLite", RATE),
            Curve("streams", PROCESSES_STREAM, "SQLite", RATE),
            Curve("stored only", PROCESSES_STORE, "SQLite", RATE),
        ),
    ),
)
