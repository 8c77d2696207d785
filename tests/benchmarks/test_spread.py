"""Medians, spreads, ratios, and when measurements agree."""

from __future__ import annotations

import pytest

from benchmarks.spread import Spread, agree, percentile, ratio


def test_a_spread_has_the_median_and_the_extremes() -> None:
    assert Spread.of([3.0, 1.0, 2.0]) == Spread(1.0, 2.0, 3.0)
    assert Spread.of([4.0, 1.0]) == Spread(1.0, 2.5, 4.0)
    with pytest.raises(ValueError, match="nothing was measured"):
        Spread.of([])


def test_a_ratio_is_taken_within_each_round() -> None:
    """A machine that is ten times slower in one round slows both down: the ratio stays."""
    assert ratio([50.0, 5.0, 60.0], [100.0, 10.0, 100.0]) == Spread(0.5, 0.5, 0.6)


def test_a_ratio_needs_the_same_rounds() -> None:
    with pytest.raises(ValueError, match="longer"):
        ratio([1.0], [1.0, 2.0])


@pytest.mark.parametrize(
    ("spreads", "agreed"),
    [
        ([Spread(1, 2, 3)], True),
        ([Spread(1, 2, 3), Spread(3, 4, 5)], True),
        ([Spread(1, 2, 3), Spread(3.1, 4, 5)], False),
        ([Spread(1, 2, 9), Spread(1, 2, 3), Spread(4, 5, 6)], False),
    ],
)
def test_measurements_agree_if_one_value_is_within_the_spread_of_all(spreads: list[Spread], agreed: bool) -> None:
    assert agree(spreads) is agreed


def test_a_percentile_is_one_of_the_values() -> None:
    values = [float(value) for value in range(100, 0, -1)]
    assert [percentile(values, share) for share in (0.0, 0.5, 0.99, 1.0)] == [1.0, 51.0, 100.0, 100.0]
