"""The promises of EventLog, tested with every backend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from tests.live import DEADLINE
from tests.storage.stores import (
    RESUMABLE,
    all_seen,
    begin,
    claim_one,
    claimed,
    end,
    ending,
    numbers,
    record,
    seen,
    seen_after_give_back,
)
from treadle.storage.contract.events import END, Event
from treadle.storage.contract.runs import Outcome
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio


async def test_followers_see_every_event_once_in_order(storage: Storage) -> None:
    await storage.events.open(claimed("a"))
    follower = await storage.events.follow("a", 0)
    storage.events.append("a", [("x", b"1"), ("y", b"2")])
    assert await seen(follower) == [Event(1, "x", b"1"), Event(2, "y", b"2")]
    waiting = asyncio.ensure_future(follower.next())
    await asyncio.sleep(0)
    storage.events.append("a", [("z", b"3")])
    assert list(await waiting) == [Event(3, "z", b"3")]
    storage.events.close("a", record("a"))
    assert (await seen(follower), follower.ended) == ([], True)


async def test_events_before_the_end_are_read_after_it(storage: Storage) -> None:
    await storage.events.open(claimed("a"))
    follower = await storage.events.follow("a", 0)
    storage.events.append("a", [("x", b"1")])
    storage.events.close("a", record("a"))
    assert [event.seq for event in await seen(follower)] == [1]
    assert (await seen(follower), follower.ended) == ([], True)


@pytest.mark.parametrize(("after", "expected"), [(0, [1, 2, 3]), (2, [3]), (3, []), (99, []), (None, []), (END, [])])
async def test_a_resumable_run_is_read_again_after_any_cursor(
    storage: Storage, after: int | None, expected: list[int]
) -> None:
    run = await begin(storage, "a", RESUMABLE)
    storage.events.append("a", [("x", b"1"), ("y", b"2"), ("z", b"3")])
    await end(storage, run)
    follower = await storage.events.follow("a", after)
    assert [event.seq for event in await seen(follower)] == expected


async def test_a_cursor_from_the_future_follows_from_now_on(storage: Storage) -> None:
    await begin(storage, "a", RESUMABLE)
    follower = await storage.events.follow("a", 99)
    storage.events.append("a", [("x", b"1")])
    assert [event.seq for event in await seen(follower)] == [1]


async def test_waiting_for_the_end_wakes_at_the_end_only(storage: Storage) -> None:
    await storage.events.open(claimed("a"))
    follower = await storage.events.follow("a", END)
    waiting = asyncio.ensure_future(follower.next())
    await asyncio.sleep(0)
    storage.events.append("a", [("x", b"1")])
    await asyncio.sleep(0)
    assert not waiting.done()
    storage.events.close("a", record("a"))
    assert (list(await waiting), follower.ended) == ([], True)


@pytest.mark.parametrize("end", ["nudge", "close"])
async def test_a_waiting_follower_is_woken_without_events(storage: Storage, end: str) -> None:
    await storage.events.open(claimed("a"))
    follower = await storage.events.follow("a", 0)
    waiting = asyncio.ensure_future(follower.next())
    await asyncio.sleep(0)
    wake: Callable[[], None] = getattr(follower, end)
    wake()
    assert list(await waiting) == []
    assert follower.ended is (end == "close")


async def test_a_follower_at_the_end_has_the_ended_run(storage: Storage) -> None:
    await storage.events.open(claimed("a"))
    follower = await storage.events.follow("a", END)
    assert follower.final is None
    storage.events.close("a", record("a", status="success"))
    await follower.next()
    assert follower.final == record("a", status="success")


async def test_a_run_that_is_not_open_has_nothing_to_follow(storage: Storage) -> None:
    follower = await storage.events.follow("nobody", 0)
    assert (await seen(follower), follower.ended) == ([], True)


async def test_a_follower_that_falls_behind_holds_the_writer_up(storage: Storage) -> None:
    await storage.events.open(claimed("a"))
    slow, fast = await storage.events.follow("a", 0), await storage.events.follow("a", 0)
    storage.events.append("a", [("x", b"x" * 1001)])
    await fast.next()
    assert storage.events.full("a")
    room = asyncio.ensure_future(storage.events.room("a"))
    await asyncio.sleep(0)
    assert not room.done()
    await slow.next()
    await room
    assert not storage.events.full("a")


async def test_a_writer_is_let_go_when_the_slow_follower_leaves(storage: Storage) -> None:
    await storage.events.open(claimed("a"))
    slow = await storage.events.follow("a", 0)
    storage.events.append("a", [("x", b"x" * 1001)])
    room = asyncio.ensure_future(storage.events.room("a"))
    await asyncio.sleep(0)
    slow.close()
    await room


async def test_events_that_nobody_follows_hold_nobody_up(storage: Storage) -> None:
    await storage.events.open(claimed("a"))
    await begin(storage, "b", RESUMABLE)
    for run_id in "ab":
        storage.events.append(run_id, [("x", b"x" * 1001)] * 3)
        async with asyncio.timeout(DEADLINE):
            await storage.events.room(run_id)
        assert not storage.events.full(run_id)


async def test_a_dropped_run_ends_its_followers_and_takes_no_more(storage: Storage) -> None:
    await begin(storage, "a", RESUMABLE)
    follower = await storage.events.follow("a", END)
    storage.events.drop("a")
    storage.events.append("a", [("x", b"1")])
    assert (await seen(follower), follower.ended) == ([], True)


async def test_a_run_can_be_followed_before_it_begins(storage: Storage) -> None:
    waiting = record("a", kwargs=RESUMABLE, shared=True)
    storage.events.expect(waiting)
    await storage.runs.add([waiting])
    follower, at_end = await storage.events.follow("a", 0), await storage.events.follow("a", END)
    first, last = asyncio.ensure_future(seen(follower)), asyncio.ensure_future(seen(at_end))
    run = await claim_one(storage)
    await storage.events.open(run)
    storage.events.append("a", [("x", b"1")])
    assert await first == [Event(1, "x", b"1")]
    assert not last.done()
    storage.events.append("a", [("y", b"2")])
    await end(storage, run)
    assert [event.seq for event in await all_seen(follower)] == [2]
    assert (await last, at_end.ended, follower.broken) == ([], True, False)


async def test_a_run_that_is_cancelled_while_it_waits_ends_its_followers(storage: Storage) -> None:
    waiting = record("a", shared=True)
    storage.events.expect(waiting)
    await storage.runs.add([waiting])
    follower, at_end = await storage.events.follow("a", 0), await storage.events.follow("a", END)
    ended = await storage.runs.cancel_pending("a", ending(Outcome("interrupted")))
    assert ended is not None
    storage.events.close("a", ended)
    for each in (follower, at_end):
        assert (await all_seen(each), each.broken) == ([], False)


async def test_followers_of_an_attempt_that_goes_elsewhere_end_broken(storage: Storage) -> None:
    await begin(storage, "a")
    follower, at_end = await storage.events.follow("a", 0), await storage.events.follow("a", END)
    storage.events.append("a", [("x", b"1")])
    storage.events.abandon("a")
    for each, expected in ((follower, [1]), (at_end, [])):
        assert [event.seq for event in await all_seen(each)] == expected
        assert each.broken and each.final is None


async def test_followers_of_a_run_that_ends_here_are_not_broken(storage: Storage) -> None:
    run = await begin(storage, "a")
    follower = await storage.events.follow("a", 0)
    ended = await end(storage, run)
    assert (await all_seen(follower), follower.broken, follower.final) == ([], False, ended)


async def test_a_replay_begins_later_once_the_events_outgrow_their_room(storage: Storage) -> None:
    run = await begin(storage, "a", RESUMABLE)
    for _ in range(10):
        storage.events.append("a", [("x", b"x" * 100)])
    await end(storage, run)
    replayed = [event.seq for event in await all_seen(await storage.events.follow("a", 0))]
    assert replayed and replayed == list(range(replayed[0], 11)) and 1 < replayed[0] <= 10


async def test_the_numbers_go_on_when_a_run_that_can_be_read_again_begins_again(leased: Storage) -> None:
    await leased.runs.add([record("a", kwargs=RESUMABLE)])
    run = await claim_one(leased)
    await leased.events.open(run)
    leased.events.append("a", [("x", b"1"), ("y", b"2")])
    leased.events.abandon("a")
    await leased.runs.give_back("a", run.claim or "")
    follower = await leased.events.follow("a", 0)
    run = await claim_one(leased)
    await leased.events.open(run)
    leased.events.append("a", [("z", b"3")])
    assert await numbers(follower, 3) == [1, 2, 3]
    await end(leased, run)
    assert [event.seq for event in await all_seen(await leased.events.follow("a", 1))] == [2, 3]


async def test_what_is_appended_under_a_lost_claim_is_not_kept(leased: Storage) -> None:
    assert await seen_after_give_back(leased) == [Event(1, "x", b"1"), Event(2, "y", b"2")]


async def test_followers_end_broken_when_their_process_ends(storage: Storage) -> None:
    for run_id in "ab":
        await begin(storage, run_id, RESUMABLE)
    await storage.runs.add([record("waiting", shared=True)])
    storage.events.expect(record("waiting", shared=True))
    cut = [await storage.events.follow(run_id, after) for run_id in ("a", "waiting") for after in (0, END)]
    waiting = [asyncio.ensure_future(all_seen(follower)) for follower in cut]
    run = await storage.runs.get("b")
    assert run is not None
    whole = await storage.events.follow("b", 0)
    storage.events.append("b", [("x", b"1")])
    await end(storage, run)
    await asyncio.sleep(0)
    storage.events.close_all()
    assert await asyncio.gather(*waiting) == [[]] * 4
    assert all(follower.broken for follower in cut)
    assert ([event.seq for event in await all_seen(whole)], whole.broken) == ([1], False)


@pytest.mark.parametrize("after", [0, None, END])
async def test_a_run_that_was_removed_has_nothing_to_follow(storage: Storage, after: int | None) -> None:
    await begin(storage, "a", RESUMABLE)
    storage.events.append("a", [("x", b"1")])
    await storage.runs.remove("a")
    storage.events.drop("a")
    assert await all_seen(await storage.events.follow("a", after)) == []


async def test_who_reads_nothing_and_holds_the_writer_up_is_broken_off_at_the_second_call(storage: Storage) -> None:
    run = await begin(storage, "a")
    idle, reading = await storage.events.follow("a", 0), await storage.events.follow("a", 0)
    at_end = await storage.events.follow("a", END)
    assert await storage.events.shed("a") == await storage.events.shed("a") == 0  # the writer is not held up
    storage.events.append("a", [("x", b"x" * 1000), ("x", b"x" * 1000)])
    await storage.events.written("a")
    assert storage.events.full("a")
    assert await storage.events.shed("a") == 0
    assert len(await seen(reading)) == 2
    assert await storage.events.shed("a") == 1
    assert (await seen(idle), idle.ended, idle.broken) == ([], True, True)
    assert not storage.events.full("a")
    storage.events.append("a", [("y", b"1")])
    await end(storage, run)
    assert [event.seq for event in await all_seen(reading)] == [3]
    assert not reading.broken and await all_seen(at_end) == []
    assert await storage.events.shed("a") == await storage.events.shed("unknown") == 0
