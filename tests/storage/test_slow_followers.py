"""Followers in another process that read slowly, or not at all: the run waits for them, but not for ever."""

from __future__ import annotations

import asyncio

import pytest

from tests.live import DEADLINE
from tests.storage.stores import (
    LEASE,
    Clock,
    all_seen,
    claim_one,
    end,
    numbers,
    processes,
    record,
    rows,
)
from treadle.storage.contract.events import END, Follower
from treadle.storage.contract.store import Storage
from treadle.storage.events.shared import STUCK

pytestmark = pytest.mark.anyio


async def test_a_slow_follower_elsewhere_holds_the_writer_up_and_misses_nothing(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        await one.runs.add([record("a", shared=True)])
        slow, at_end = await other.events.follow("a", 0), await other.events.follow("a", END)
        await other.runs.renew({}, extend=True)  # committed after the follower's notice
        run = await claim_one(one)
        await one.events.open(run)
        appended = 0

        async def write() -> None:
            nonlocal appended
            while appended < 40:
                one.events.append("a", [("x", b"x" * 100)])
                appended += 1
                await one.events.room("a")

        writing = asyncio.ensure_future(write())
        await asyncio.sleep(0.3)
        assert not writing.done() and appended < 20
        read = await numbers(slow, 5)
        await asyncio.sleep(0.3)
        assert not writing.done()
        everything = asyncio.ensure_future(all_seen(slow))
        await writing
        await end(one, run)
        assert [*read, *[event.seq for event in await everything]] == list(range(1, 41))
        assert not slow.broken and await all_seen(at_end) == []
        await one.runs.renew({}, extend=True)  # committed after all that was written before
        await other.runs.renew({}, extend=True)
        assert rows(shared, "readers") == 0


async def followed(one: Storage, other: Storage) -> Follower:
    """A follower of run `a` through `other`, while `one` executes the run."""
    await one.runs.add([record("a", shared=True)])
    follower = await other.events.follow("a", 0)
    await other.runs.renew({}, extend=True)  # committed after the follower's notice
    await one.events.open(await claim_one(one))
    return follower


@pytest.mark.parametrize("leaves", ["closes", "dies"])
async def test_a_follower_elsewhere_that_has_gone_holds_nobody_up(shared: str, clock: Clock, leaves: str) -> None:
    async with processes(shared, clock) as (one, other):
        follower = await followed(one, other)
        for _ in range(20):
            one.events.append("a", [("x", b"x" * 100)])
        await one.events.written("a")
        assert one.events.full("a")
        if leaves == "closes":
            follower.close()
        else:
            clock.now += LEASE  # its process has not renewed its entry since
        async with asyncio.timeout(DEADLINE):
            await one.events.room("a")
        assert not one.events.full("a")
        await one.runs.sweep()
        assert rows(shared, "readers") == 0


async def test_who_stood_still_while_events_were_forgotten_ends_broken(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        follower = await followed(one, other)
        one.events.append("a", [("x", b"1")])
        assert await numbers(follower, 1) == [1]
        clock.now += LEASE
        for _ in range(20):
            one.events.append("a", [("x", b"x" * 100)])
        await one.events.room("a")
        await one.runs.give_back("none", "")  # this write comes after the one that forgets
        assert (await all_seen(follower), follower.broken) == ([], True)


async def test_who_reads_nothing_elsewhere_is_broken_off_after_several_calls(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        follower = await followed(one, other)
        one.events.append("a", [("x", b"x")])
        assert await numbers(follower, 1) == [1]
        for _ in range(20):
            one.events.append("a", [("x", b"x" * 100)])
        await one.events.written("a")
        assert one.events.full("a")
        for _ in range(STUCK + 1):
            await one.events.shed("a")
            assert one.events.full("a")
        async with asyncio.timeout(DEADLINE):
            await one.events.room("a")
        await one.runs.give_back("none", "")  # this write comes after the one that forgets
        assert (await all_seen(follower), follower.broken) == ([], True)
