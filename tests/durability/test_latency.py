"""What one process does, another one sees soon."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.durability.latencies import measure
from tests.durability.place import Place

pytestmark = pytest.mark.anyio
LIMIT = 0.05


async def test_events_new_runs_and_cancels_are_seen_by_another_process_within_50_ms(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve() as one, place.serve(ROLE="api") as other:
        latencies = await measure(place, one.url, other.url, 60)
    assert all(latency.p99 < LIMIT for latency in latencies), [latency.line() for latency in latencies]
