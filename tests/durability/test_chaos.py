"""`kill -9` at random moments; `python -m tests.durability.chaos` does it for longer, and with several servers."""

from __future__ import annotations

import random

import pytest

from tests.durability.chaos import Chaos
from tests.durability.place import Place
from tests.durability.stores import File, Schema

pytestmark = pytest.mark.anyio
KILLS = {File: 3, Schema: 2}
"""On a database, each costs a lease."""


async def test_a_server_that_is_killed_again_and_again_breaks_no_promise(place: Place) -> None:
    seed = random.randrange(10**6)
    figures = await Chaos(place, kills=KILLS[type(place.store)], seed=seed, servers=1, settle=0.8).run()
    assert figures.violations == [], f"python -m tests.durability.chaos --seed {seed}"
    assert len(figures.kills) == KILLS[type(place.store)]
    assert {run.kind for run in figures.accepted} == {"background", "batch", "delayed", "stream"}
