"""Two processes take runs from one store: no run is taken twice."""

from __future__ import annotations

import pytest

from tests.durability.claims import claim_many
from tests.durability.place import Place
from tests.durability.stores import File, Schema

pytestmark = pytest.mark.anyio
RUNS = {File: 2_000, Schema: 600}


async def test_two_processes_execute_each_of_many_runs_exactly_once(place: Place) -> None:
    runs = RUNS[type(place.store)]
    long = "60"  # the machine may be too busy for shorter leases
    with place.serve(LEASE_SECONDS=long) as one, place.serve(LEASE_SECONDS=long) as other:
        claims = await claim_many(place, [one.url, other.url], runs)
    assert claims.violations == []
    assert claims.runs == runs
    # Each process takes the runs that it finds; both take part.
    assert len(claims.by_process) == 2
