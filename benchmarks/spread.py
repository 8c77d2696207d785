"""Medians, and the spread around them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of what was measured, and the two extremes."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Raises ValueError if there is no value."""
        ordered = sorted(values)
        if not ordered:
            raise ValueError("nothing was measured")
        return cls(ordered[0], median(ordered), ordered[-1])


def ratio(values: Sequence[float], others: Sequence[float]) -> Spread:
    """The ratio within each round: what slows the machine down for a while is in both of its values.

    Raises ValueError if the rounds differ in number.
    """
    return Spread.of(value / other for value, other in zip(values, others, strict=True))


def agree(spreads: Sequence[Spread]) -> bool:
    """Whether measurements agree: one value lies within the spread of each of them."""
    return max(spread.low for spread in spreads) <= min(spread.high for spread in spreads)


def percentile(values: Iterable[float], share: float) -> float:
    """The value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]
