"""Two processes take runs from one file: no run is taken twice."""

from __future__ import annotations

import pytest

from tests.durability.claims import claim_many
from tests.durability.place import Place

pytestmark = pytest.mark.anyio
RUNS = 2_000


async def test_two_processes_execute_each_of_ten_thousand_runs_exactly_once(place: Place) -> None:
    long = "60"  # the machine may be too busy for shorter leases
    with place.serve(LEASE_SECONDS=long) as one, place.serve(LEASE_SECONDS=long) as other:
        claims = await claim_many(place, [one.url, other.url], RUNS)
    assert claims.violations == []
    assert claims.runs == RUNS
    # Each process takes the runs that it finds; both take part.
    assert len(claims.by_process) == 2
