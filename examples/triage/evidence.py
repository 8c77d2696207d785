"""Weighing: single findings, each with a weight and a reason, joined to one score."""

from collections.abc import Iterable
from math import prod
from typing import NamedTuple


class Evidence(NamedTuple):
    """One finding: how likely it makes the conclusion by itself, from 0 to 1, and why."""

    weight: float
    reason: str


def combine(findings: Iterable[Evidence]) -> float:
    """The chance that at least one finding is right: more findings raise it, and none takes it past 1."""
    return round(1 - prod((1 - finding.weight for finding in findings), start=1.0), 2)
