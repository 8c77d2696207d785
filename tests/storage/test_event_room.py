"""How much room the events of a run take, and what a follower gets of them at once; with every backend."""

from __future__ import annotations

import pytest

from tests.storage.stores import RESUMABLE, all_seen, begin, claimed, end, record
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio


async def test_a_follower_gets_large_events_in_portions(storage: Storage) -> None:
    await storage.events.open(claimed("a"))
    follower = await storage.events.follow("a", 0)
    storage.events.append("a", [("x", b"1" * 40_000)] * 3)
    assert [event.seq for event in await follower.next()] == [1, 2]
    assert [event.seq for event in await follower.next()] == [3]


async def test_what_is_read_takes_no_room(storage: Storage) -> None:
    for number in range(50):
        run_id = f"read {number}"
        await storage.events.open(claimed(run_id))
        follower = await storage.events.follow(run_id, 0)
        storage.events.append(run_id, [("x", b"1" * 100)] * 3)
        await follower.next()
        storage.events.close(run_id, record(run_id))
    await storage.events.open(claimed("a"))
    await storage.events.follow("a", 0)
    storage.events.append("a", [("x", b"1")])
    assert not storage.events.full("a")


@pytest.mark.parametrize("at_once", [1, 9])
async def test_a_replay_has_as_many_events_as_there_is_room_for(storage: Storage, at_once: int) -> None:
    run = await begin(storage, "a", RESUMABLE)
    reader = await storage.events.follow("a", 0)
    for _ in range(18 // at_once):
        storage.events.append("a", [("x", b"1" * 40)] * at_once)  # in memory 200 bytes each; room for 1,000
        await storage.events.written("a")
        await reader.next()
    await end(storage, run)
    assert [event.seq for event in await all_seen(await storage.events.follow("a", 0))] == [14, 15, 16, 17, 18]
