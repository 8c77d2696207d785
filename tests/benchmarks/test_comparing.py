"""Goals beside what was measured, and several measurements side by side."""

from __future__ import annotations

import pytest

from benchmarks import comparing
from benchmarks.figures import Figures, Key
from benchmarks.goals import GOALS, Goal, find
from benchmarks.spread import Spread
from benchmarks.subjects import CPU, MEMORY_EACH, OPEN_STREAMS, RATE, WAIT_16
from tests.benchmarks.measured import FAST, SLOW, everything, waits


def goal(server: str, quantity: str, load: str = WAIT_16) -> Goal:
    found = find(load, server, quantity)
    assert found is not None
    return found


def test_a_ratio_to_the_floor_is_judged_by_its_median() -> None:
    wait = goal("memory", RATE)
    spread = wait.measured(waits(SLOW))
    assert spread == Spread(0.8, 1.0, 1.2)
    assert (wait.text(), wait.write(0.8), wait.is_met(spread)) == ("at least 0.90", "0.80", True)
    assert not wait.is_met(Spread(0.8, 0.89, 1.2))


def test_a_figure_of_its_own_has_its_unit() -> None:
    each = goal("SQLite", MEMORY_EACH, OPEN_STREAMS)
    figures = Figures(values={each.key: [79.6]})
    spread = each.measured(figures)
    assert spread is not None
    assert (each.text(), each.write(spread.median), each.is_met(spread)) == ("at most 80 KiB", "80 KiB", True)


@pytest.mark.parametrize("key", [Key(WAIT_16, "memory", RATE), Key(WAIT_16, "floor", RATE)])
def test_what_was_not_measured_is_neither_met_nor_missed(key: Key) -> None:
    figures = waits(FAST)
    del figures.values[key]
    assert goal("memory", RATE).measured(figures) is None
    assert goal("SQLite", CPU).measured(figures) is None


def test_a_goal_is_named_once() -> None:
    assert len({(goal.what, goal.store) for goal in GOALS}) == len(GOALS)


def test_runs_that_agree_and_one_that_differs() -> None:
    row, end = comparing.lines([waits(SLOW), waits(FAST)])
    assert row.split() == [
        *("throughput,", "wait,", "16", "connections,", "memory", "agree"),
        *("1.00", "(0.80-1.20)", "1.00", "(1.00-1.00)"),
    ]
    assert end.startswith("1 of 1 agree")
    row, end = comparing.lines([waits(SLOW), waits([70.0, 75.0, 79.0])])
    assert "DIFFER" in row
    assert end.startswith("0 of 1 agree")


def test_only_what_all_runs_measured_is_compared() -> None:
    assert len(list(comparing.lines([everything(1.0), waits(FAST)]))) == 2
    assert len(list(comparing.lines([everything(1.0), everything(1.0)]))) == len(GOALS) + 1
