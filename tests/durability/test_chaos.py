"""`kill -9` at random moments; `python -m tests.durability.chaos` does it for longer, and with several servers."""

from __future__ import annotations

import random

import pytest

from tests.durability.chaos import Chaos
from tests.durability.place import Place

pytestmark = pytest.mark.anyio


async def test_a_server_that_is_killed_again_and_again_breaks_no_promise(place: Place) -> None:
    seed = random.randrange(10**6)
    figures = await Chaos(place, kills=3, seed=seed, servers=1, settle=0.8).run()
    assert figures.violations == [], f"python -m tests.durability.chaos --seed {seed}"
    assert len(figures.kills) == 3
    assert {run.kind for run in figures.accepted} == {"background", "batch", "delayed", "stream"}
