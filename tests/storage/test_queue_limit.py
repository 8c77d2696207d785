"""The limit on waiting runs: exact, all or none, for any process that adds them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from tests.storage.stores import Clock, claimed, ending, opened, processes, record, rows
from treadle.errors import InvalidRequest, QueueFull
from treadle.storage.contract.runs import Outcome
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio


@pytest.fixture
async def three(anywhere: str, clock: Clock) -> AsyncIterator[Storage]:
    """A store in which three runs may wait."""
    async with opened(anywhere, clock, max_queued=3) as three:
        yield three


async def fits(storage: Storage, *ids: str) -> bool:
    """Whether these runs are added; if not, none of them is."""
    try:
        await storage.runs.add([record(run_id) for run_id in ids])
    except QueueFull as refusal:
        assert "3 runs may wait" in str(refusal)
        assert [await storage.runs.get(run_id) for run_id in ids] == [None] * len(ids)
        return False
    return True


async def test_one_more_than_may_wait_is_refused_and_a_batch_as_a_whole(three: Storage) -> None:
    with pytest.raises(InvalidRequest, match="batch of 4 runs"):  # waiting would not help
        await fits(three, "a", "b", "c", "d")
    assert await fits(three, "a", "b")
    assert not await fits(three, "c", "d")
    assert await fits(three, "c")
    assert not await fits(three, "d")


async def test_what_comes_claimed_does_not_wait(three: Storage) -> None:
    assert await fits(three, "a", "b", "c")
    await three.runs.add([claimed("d")])
    assert not await fits(three, "e")


async def test_delayed_runs_wait(three: Storage) -> None:
    await three.runs.add([record(run_id, due=9999.0) for run_id in "abc"])
    assert not await fits(three, "d")


async def test_each_way_out_of_the_queue_makes_room_once(three: Storage) -> None:
    assert await fits(three, "a", "b", "c")
    (run,) = await three.runs.claim(1)
    assert await fits(three, "d")
    await three.runs.settle(run.run_id, run.claim or "", ending())
    assert not await fits(three, "e")
    await three.runs.cancel_pending("b", ending(Outcome("interrupted")))
    await three.runs.cancel_pending("b", ending(Outcome("interrupted")))
    assert await fits(three, "e")
    assert not await fits(three, "f")
    await three.runs.remove("c")
    await three.runs.remove("c")
    await three.runs.remove("b")
    assert await fits(three, "f")
    assert not await fits(three, "g")


async def test_a_run_that_is_given_back_waits_again(three: Storage) -> None:
    """Even where there is no room: it was accepted before."""
    assert await fits(three, "a", "b", "c")
    (run,) = await three.runs.claim(1)
    assert await fits(three, "d")
    await three.runs.give_back(run.run_id, run.claim or "")
    assert len(await three.runs.claim(1)) == 1
    assert not await fits(three, "e")
    assert len(await three.runs.claim(1)) == 1
    assert await fits(three, "e")


async def test_zero_is_no_limit(anywhere: str, clock: Clock) -> None:
    async with opened(anywhere, clock, max_queued=0) as storage:
        await storage.runs.add([record(f"{number}") for number in range(500)])


async def test_it_is_exact_between_processes_that_add_at_once(shared: str, clock: Clock) -> None:
    async with processes(shared, clock, number=4) as unlimited:
        await unlimited[0].runs.add([record("first")])
    async with processes(shared, clock, number=4, max_queued=20) as stores:
        runs = [[record(f"{number} {each}") for each in range(3)] for number in range(40)]
        adding = [stores[number % 4].runs.add(some) for number, some in enumerate(runs)]
        results = await asyncio.gather(*adding, return_exceptions=True)
    refused = [result for result in results if isinstance(result, BaseException)]
    assert {type(error) for error in refused} == {QueueFull}
    assert len(results) - len(refused) == 6  # and one run from before
    assert rows(shared, "runs") == 19
