"""How figures are written."""

from __future__ import annotations

from collections.abc import Iterable

from tests.durability.place import spread


def figure(what: str, seconds: Iterable[float]) -> str:
    """A line with the median, the 99th percentile and the maximum of some durations."""
    median, p99, longest = (value * 1000 for value in spread(seconds))
    return f"{what:44} median {median:8.1f} ms   p99 {p99:8.1f} ms   max {longest:8.1f} ms"
