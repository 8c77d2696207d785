"""The promises of RunStore about requests that create their runs once, tested with every backend."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.storage.stores import KEPT, RUN_TTL, Clock, claimed, count, ending, opened, processes, record
from tests.storage.test_deliveries import FAILED, owing
from tests.storage.test_threads import thread
from treadle.storage.contract.runs import IdempotentRequest, KeyTaken, Outcome
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio
DAY = 86400.0
# How a backend refuses a run whose id is taken, which no client can bring about.
DUPLICATE = {"SqliteRunStore": "IntegrityError", "PostgresRunStore": "UniqueViolationError"}


def once(key: str = "key", **changes: Any) -> IdempotentRequest:
    """A request of a caller, whose key lasts a day."""
    return IdempotentRequest(
        **{"caller": "", "key": key, "fingerprint": "request", "expires_at": 1000.0 + DAY, **changes}
    )


async def is_first(storage: Storage, request: IdempotentRequest, run_id: str) -> bool:
    """Whether the request creates the run; False if its key was taken before."""
    try:
        await storage.runs.add([record(run_id)], once=request)
    except KeyTaken:
        return False
    return True


async def test_a_key_stands_for_the_runs_of_its_first_request(storage: Storage) -> None:
    assert await storage.runs.first("", "key") is None
    await storage.runs.add([record("a"), record("b")], once=once())
    with pytest.raises(KeyTaken) as taken:
        await storage.runs.add([record("c")], [thread()], once(fingerprint="another"))
    assert taken.value.earlier == once(run_ids=("a", "b"))
    assert await storage.runs.first("", "key") == once(run_ids=("a", "b"))
    assert {run.run_id for run in await storage.runs.find()} == {"a", "b"}
    assert await storage.threads.get("thread") is None


async def test_each_caller_has_keys_of_its_own(storage: Storage) -> None:
    assert await is_first(storage, once(), "nobody's")
    assert await is_first(storage, once(caller="ann"), "ann's")
    assert await is_first(storage, once(caller="bob"), "bob's")
    assert not await is_first(storage, once(caller="bob"), "bob's too")
    assert await is_first(storage, once("another", caller="bob"), "bob's other one")


async def test_of_many_at_the_same_instant_one_is_the_first(storage: Storage) -> None:
    found = await asyncio.gather(*(is_first(storage, once(), f"run {number}") for number in range(100)))
    assert sum(found) == 1
    assert len(await storage.runs.find()) == 1


async def test_of_many_in_several_processes_one_is_the_first(shared: str, clock: Clock) -> None:
    async with processes(shared, clock, 3) as stores:
        keys = [once(f"key {number % 10}") for number in range(300)]
        work = [is_first(stores[number % 3], key, f"run {number}") for number, key in enumerate(keys)]
        assert sum(await asyncio.gather(*work)) == 10
        assert [len(await each.runs.find()) for each in stores] == [10, 10, 10]


async def test_a_request_that_is_refused_takes_no_key(leased: Storage) -> None:
    await leased.runs.add([record("taken")])
    results = await asyncio.gather(
        leased.runs.add([record("a")], once=once("a")),
        leased.runs.add([record("taken")], once=once("b")),
        leased.runs.add([record("c")], once=once("a")),
        return_exceptions=True,
    )
    one, refused, other = (type(result).__name__ for result in results)
    assert refused == DUPLICATE[type(leased.runs).__name__]
    assert {one, other} == {"NoneType", "KeyTaken"}
    assert await leased.runs.first("", "b") is None
    assert await is_first(leased, once("b"), "b")


async def test_a_key_outlives_the_process(shared: str, clock: Clock) -> None:
    async with opened(shared, clock) as storage:
        await storage.runs.add([record("a")], once=once())
    async with opened(shared, clock) as storage:
        assert not await is_first(storage, once(), "b")


async def test_a_key_is_free_again_when_its_time_is_over_whether_anybody_sweeps_or_not(
    storage: Storage, clock: Clock
) -> None:
    await storage.runs.add([record("a")], once=once())
    clock.now += DAY - 1
    assert not await is_first(storage, once(), "b")
    clock.now += 1
    assert await storage.runs.first("", "key") is None
    assert await is_first(storage, once(expires_at=clock.now + DAY), "c")
    found = await storage.runs.first("", "key")
    assert found and found.run_ids == ("c",)


async def test_a_run_is_kept_as_long_as_its_key(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([claimed("keyed")], once=once())
    await storage.runs.add([claimed("usual")])
    for name in ("keyed", "usual"):
        await storage.runs.settle(name, "token", ending())
    clock.now += RUN_TTL
    assert await storage.runs.sweep() == (["usual"], 1000 + DAY)
    clock.now = 1000 + DAY - 1
    assert await storage.runs.get("keyed") is not None
    clock.now += 1
    assert await storage.runs.get("keyed") is None
    assert await storage.runs.sweep() == (["keyed"], None)


async def test_a_run_that_ends_late_is_kept_for_its_usual_time(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([claimed("a"), record("b", due=5000)], once=once())
    clock.now += DAY - 1
    await storage.runs.settle("a", "token", ending(at=clock.now))
    clock.now += 1
    await storage.runs.sweep()
    assert await storage.runs.cancel_pending("b", ending(Outcome("interrupted"), at=clock.now)) is not None
    clock.now += RUN_TTL - 2
    assert await storage.runs.sweep() == ([], clock.now + 1)
    clock.now += 2
    assert sorted((await storage.runs.sweep())[0]) == ["a", "b"]


async def test_a_pending_run_that_is_cancelled_is_kept_as_long_as_its_key(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([record("a", due=5000)], once=once())
    await storage.runs.cancel_pending("a", ending(Outcome("interrupted")))
    clock.now += DAY - 1
    assert await storage.runs.get("a") is not None


async def test_runs_with_and_without_keys_make_room_in_the_order_of_their_ends(anywhere: str, clock: Clock) -> None:
    big = Outcome("success", values=b"x" * 40_000)
    async with opened(anywhere, clock, run_retention_bytes=100_000) as storage:
        for number, name in enumerate("abcdef"):
            request = once(name, expires_at=clock.now + DAY) if number % 2 == 0 else None
            await storage.runs.add([claimed(name)], once=request)
            await storage.runs.settle(name, "token", ending(big, at=clock.now))
            clock.now += 1
        await storage.runs.sweep()
        assert [run.run_id for run in await storage.runs.find()] == ["f", "e"]
        # The run was removed to make room, but its key is still taken.
        assert not await is_first(storage, once("a"), "again")


async def test_a_key_outlives_a_run_that_is_removed(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([claimed("a", kwargs=KEPT)], once=once())
    await storage.runs.remove("a")
    assert not await is_first(storage, once(), "b")
    clock.now += DAY
    await storage.runs.sweep()
    assert await is_first(storage, once(expires_at=clock.now + DAY), "b")


async def test_keys_are_swept_some_at_a_time(sqlite: Storage, path: Path, clock: Clock) -> None:
    for number in range(1200):
        await sqlite.runs.add([], once=once(str(number), expires_at=2000.0 + number / 1200))
    clock.now = 1999.0
    assert await sqlite.runs.sweep() == ([], 2000.0)
    clock.now = 2001.0
    assert await sqlite.runs.sweep() == ([], None)
    assert count(path, "count(*) FROM idempotency_keys") == 0


async def test_a_run_that_owed_something_is_kept_as_long_as_its_key(anywhere: str, clock: Clock) -> None:
    async with opened(anywhere, clock) as storage:
        await storage.runs.add([claimed("a")], once=once())
        await storage.runs.settle("a", "token", owing("a"))
        [delivery] = await storage.deliveries.claim(1)
        await storage.deliveries.report(delivery, FAILED, "failed")
        clock.now = 1000 + DAY - 1
        assert await storage.runs.get("a") is not None
        clock.now += 1
        assert (await storage.runs.sweep())[0] == ["a"]
