"""`kill -9` of a process with many clients."""

from __future__ import annotations

import pytest

from tests.durability.killed_edge import kill_of_the_edge
from tests.durability.place import Place


@pytest.mark.anyio
async def test_a_hundred_clients_of_a_killed_process_lose_nothing(place: Place) -> None:
    await kill_of_the_edge(place, 50)
