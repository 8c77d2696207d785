"""The graphs that are measured: the same ones on every server."""

from __future__ import annotations

from tests.endurance.graphs import blocking, telling
from tests.graphs.graphs_under_test import pouring, simple, slow

GRAPHS = {"simple": simple, "pouring": pouring, "slow": slow, "telling": telling, "blocking": blocking}

SMALL = {"assistant_id": "simple", "input": {"foo": 1}}
"""A run of two small async nodes."""
EVENTS = 200


def pour(count: int = EVENTS, *, burst: int = 1) -> dict[str, object]:
    """A run that sends `count` events of 20 characters, `burst` of them between two awaits."""
    given = {"count": count, "size": 20, "burst": burst}
    return {"assistant_id": "pouring", "input": given, "stream_mode": "custom"}
