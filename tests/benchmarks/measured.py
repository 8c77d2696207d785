"""Figures as a measurement leaves them."""

from __future__ import annotations

from benchmarks.figures import Figures, Key
from benchmarks.goals import GOALS
from benchmarks.subjects import RATE, WAIT_16

SLOW, FAST = [80.0, 100.0, 120.0], [100.0, 100.0, 100.0]


def waits(memory: list[float]) -> Figures:
    """Those of one load alone, with the floor at 100 runs a second."""
    return Figures({"cores": "2"}, {Key(WAIT_16, "memory", RATE): memory, Key(WAIT_16, "floor", RATE): FAST})


def everything(value: float) -> Figures:
    """One value for all that has a goal."""
    keys = {key for goal in GOALS for key in (goal.key, goal.beside) if key}
    return Figures({"cores": "2"}, {key: [value] for key in sorted(keys)})
