"""Runs of a shared store that are followed from another process than the one that executes them."""

from __future__ import annotations

import asyncio

import pytest

from tests.live import DEADLINE
from tests.storage.stores import (
    LEASE,
    RESUMABLE,
    RUN_TTL,
    Clock,
    all_seen,
    begin,
    claim_one,
    claimed,
    end,
    ending,
    numbers,
    processes,
    record,
    rows,
    seen,
    until,
)
from treadle.storage.contract.events import END

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(("after", "expected"), [(0, [1, 2, 3, 4]), (2, [3, 4]), (3, [4]), (None, [4]), (99, [4])])
async def test_events_of_a_resumable_run_are_followed_from_any_cursor_elsewhere(
    shared: str, clock: Clock, after: int | None, expected: list[int]
) -> None:
    async with processes(shared, clock) as (one, other):
        run = await begin(one, "a", RESUMABLE)
        one.events.append("a", [("x", b"1"), ("y", b"2"), ("z", b"3")])
        await one.events.written("a")
        follower, at_end = await other.events.follow("a", after), await other.events.follow("a", END)
        waiting = asyncio.ensure_future(all_seen(at_end))
        one.events.append("a", [("w", b"4")])
        assert await numbers(follower, len(expected)) == expected
        assert not waiting.done()
        await end(one, run)
        assert (await all_seen(follower), await waiting) == ([], [])
        assert not follower.broken
        assert [event.seq for event in await all_seen(await other.events.follow("a", 1))] == [2, 3, 4]


async def test_other_events_are_followed_elsewhere_from_when_somebody_asks(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        run = await begin(one, "a")
        here = await one.events.follow("a", 0)
        one.events.append("a", [("x", b"1")])
        follower = await other.events.follow("a", None)

        async def appended_and_seen() -> bool:
            one.events.append("a", [("y", b"2")])
            waiting = asyncio.ensure_future(follower.next())
            await asyncio.sleep(0.002)
            follower.nudge()
            first.extend(await waiting)
            return bool(first)

        first: list[object] = []
        await until(appended_and_seen)
        one.events.append("a", [("z", b"3")])
        await end(one, run)
        elsewhere, everything = [*first, *await all_seen(follower)], await all_seen(here)
        assert elsewhere == everything[-len(elsewhere) :]
        assert [event.seq for event in everything] == list(range(1, len(everything) + 1))


async def test_a_run_that_is_shared_from_the_start_is_followed_elsewhere_from_its_first_event(
    shared: str, clock: Clock
) -> None:
    async with processes(shared, clock) as (one, other):
        await one.runs.add([record("a", shared=True)])
        follower = await one.events.follow("a", 0)
        run = await claim_one(other)
        await other.events.open(run)
        other.events.append("a", [("x", b"1"), ("y", b"2")])
        assert [event.seq for event in await seen(follower)] == [1, 2]
        await end(other, run)
        assert (await all_seen(follower), follower.broken) == ([], False)


async def test_whoever_asks_between_the_claim_and_the_start_misses_nothing(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        await one.runs.add([record("a")])
        run = await claim_one(one)
        follower = await other.events.follow("a", 0)
        await other.runs.renew({}, extend=True)  # committed after the follower's wish
        async with asyncio.timeout(DEADLINE):
            await one.changes.next()  # the wish is noticed before the run is open
            await asyncio.sleep(0.1)
        await one.events.open(run)
        one.events.append("a", [("x", b"1")])
        assert await numbers(follower, 1) == [1]


async def test_a_follower_goes_on_elsewhere_when_a_run_changes_hands(shared: str, clock: Clock) -> None:
    async with processes(shared, clock, number=3) as (one, other, third):
        await begin(one, "a", RESUMABLE)
        here, elsewhere = await one.events.follow("a", 0), await third.events.follow("a", 0)
        one.events.append("a", [("x", b"1"), ("y", b"2")])
        assert await numbers(elsewhere, 2) == [1, 2]
        clock.now += 15
        run = await claim_one(other)
        await other.events.open(run)
        other.events.append("a", [("z", b"3")])
        one.events.append("a", [("late", b"nobody sees it")])
        one.events.abandon("a")
        assert [event.name for event in await all_seen(here)] == ["x", "y"]
        assert here.broken
        again = await one.events.follow("a", 2)
        await end(other, run)
        assert [event.name for event in await all_seen(elsewhere)] == ["z"]
        assert [event.name for event in await all_seen(again)] == ["z"]


async def test_a_process_that_claims_its_own_lost_run_writes_the_events_of_the_new_attempt(
    shared: str, clock: Clock
) -> None:
    async with processes(shared, clock) as (one, other):
        await begin(one, "a", RESUMABLE)
        before = await one.events.follow("a", 0)
        one.events.append("a", [("x", b"1")])
        await one.events.written("a")
        clock.now += 15
        run = await claim_one(one)
        await one.events.open(run)
        one.events.append("a", [("y", b"2")])
        assert [event.name for event in await all_seen(before)] == ["x"] and before.broken
        await end(one, run)
        assert [event.name for event in await all_seen(await other.events.follow("a", 0))] == ["x", "y"]


async def test_a_late_writer_does_not_trim_the_events_of_its_successor(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        await begin(one, "a", RESUMABLE)
        clock.now += 15
        run = await claim_one(other)
        await other.events.open(run)
        other.events.append("a", [("x", b"1"), ("y", b"2")])
        for _ in range(20):
            one.events.append("a", [("late", b"x" * 200)])
        await one.runs.renew({}, extend=True)
        await end(other, run)
        assert [event.name for event in await all_seen(await other.events.follow("a", 0))] == ["x", "y"]


async def test_a_thousand_can_wait_elsewhere_for_runs_that_come_and_go(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        await one.runs.add([claimed(str(number)) for number in range(1000)])
        followers = [await other.events.follow(str(number), END) for number in range(1000)]
        waiting = [asyncio.ensure_future(follower.next()) for follower in followers]
        await asyncio.sleep(0.2)
        for number in range(200):
            await one.runs.settle(str(number), "token", ending())
            await asyncio.wait_for(waiting[number], DEADLINE)
        assert not any(each.done() for each in waiting[200:])
        other.events.close_all()
        await asyncio.gather(*waiting)


@pytest.mark.parametrize("after", [0, 1, 2])
async def test_a_replay_in_the_process_of_the_next_attempt_begins_with_the_first_one(
    shared: str, clock: Clock, after: int
) -> None:
    async with processes(shared, clock) as (one, other):
        await begin(one, "a", RESUMABLE)
        one.events.append("a", [("x", b"1"), ("y", b"2")])
        await one.events.written("a")
        clock.now += LEASE
        run = await claim_one(other)
        await other.events.open(run)
        follower = await other.events.follow("a", after)
        other.events.append("a", [("z", b"3")])
        await other.events.written("a")
        assert await numbers(follower, 3 - after) == list(range(after + 1, 4))
        other.events.append("a", [("w", b"4")])
        await end(other, run)
        assert ([event.seq for event in await all_seen(follower)], follower.broken) == ([4], False)


async def test_events_under_a_lost_claim_hold_nobody_up(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        await begin(one, "a", RESUMABLE)
        clock.now += LEASE
        await claim_one(other)
        for _ in range(20):
            one.events.append("a", [("late", b"x" * 200)])
        async with asyncio.timeout(DEADLINE):
            await one.events.written("a")
            await one.events.room("a")
        assert not one.events.full("a")


async def test_the_events_of_an_ended_run_stay_while_somebody_elsewhere_reads_them(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        await one.runs.add([record("a", shared=True)])
        follower = await other.events.follow("a", 0)
        elsewhere = other.events._elsewhere  # type: ignore[attr-defined]
        await elsewhere._rows.stay(elsewhere._process)  # committed after the follower's notice
        run = await claim_one(one)
        await one.events.open(run)
        one.events.append("a", [("x", b"1")] * 5)
        await end(one, run)
        clock.now += RUN_TTL
        await elsewhere._rows.stay(elsewhere._process)
        await one.runs.sweep()
        assert [event.seq for event in await all_seen(follower)] == [1, 2, 3, 4, 5]
        await elsewhere._rows.stay(elsewhere._process)  # committed after the follower's end
        await one.runs.sweep()
        assert rows(shared, "events") == rows(shared, "runs") == 0
