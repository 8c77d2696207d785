"""The promises of RunStore and EventLog, held against every backend."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from treadle.errors import ConfigError, LeaseLost
from treadle.settings import Settings
from treadle.storage import open_storage
from treadle.storage.base import END, Event, Outcome, RunRecord, Storage

pytestmark = pytest.mark.anyio


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory://"])
def storage(request: pytest.FixtureRequest, clock: Clock) -> Storage:
    return open_storage(Settings(database_uri=request.param, run_ttl=60, event_buffer_bytes=1000), clock)


def record(run_id: str, due: float = 1000.0, **changes: Any) -> RunRecord:
    """A pending temporary run."""
    kwargs = {"temporary": True, "resumable": False}
    run = RunRecord(run_id, "thread", "assistant", "graph", {}, kwargs, "enqueue", due, due, size=10)
    return replace(run, **changes)


async def claim_one(storage: Storage) -> RunRecord:
    (run,) = await storage.runs.claim(1)
    return run


async def test_claims_come_longest_due_first_and_only_when_due(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([record("later", due=1002), record("b", due=999), record("a", due=998)])
    assert [run.run_id for run in await storage.runs.claim(10)] == ["a", "b"]
    assert await storage.runs.next_due() == 1002
    clock.now = 1002
    assert [run.run_id for run in await storage.runs.claim(10)] == ["later"]
    assert await storage.runs.next_due() is None


async def test_runs_due_at_once_keep_the_order_in_which_they_came(storage: Storage) -> None:
    await storage.runs.add([record(name) for name in "cab"])
    assert [run.run_id for run in await storage.runs.claim(10)] == ["c", "a", "b"]


async def test_a_claim_is_given_once_with_a_token_of_its_own(storage: Storage) -> None:
    await storage.runs.add([record("a"), record("b")])
    first, second = await claim_one(storage), await claim_one(storage)
    assert {first.run_id, second.run_id} == {"a", "b"}
    assert first.claim and second.claim and first.claim != second.claim
    assert (first.status, first.attempt, first.started_at) == ("running", 1, 1000.0)
    assert await storage.runs.claim(1) == []


async def test_a_run_may_be_added_already_claimed(storage: Storage) -> None:
    await storage.runs.add([record("a", status="running", claim="token", attempt=1)])
    assert await storage.runs.claim(1) == []
    assert (await storage.runs.settle("a", "token", Outcome("success"))).status == "success"


async def test_only_the_holder_of_the_claim_settles_and_only_once(storage: Storage) -> None:
    await storage.runs.add([record("a")])
    run = await claim_one(storage)
    with pytest.raises(LeaseLost):
        await storage.runs.settle("a", "another", Outcome("success"))
    await storage.runs.settle("a", run.claim or "", Outcome("error", error=b"{}"))
    with pytest.raises(LeaseLost):
        await storage.runs.settle("a", run.claim or "", Outcome("success"))
    ended = await storage.runs.get("a")
    assert ended and (ended.status, ended.ended_at) == ("error", 1000.0)


async def test_a_pending_run_is_cancelled_before_it_starts(storage: Storage) -> None:
    await storage.runs.add([record("a", due=2000)])
    ended = await storage.runs.cancel_pending("a", Outcome("interrupted"))
    assert ended and ended.status == "interrupted"
    assert await storage.runs.next_due() is None
    assert await storage.runs.cancel_pending("a", Outcome("interrupted")) is None


async def test_a_running_run_is_not_cancelled_as_pending(storage: Storage) -> None:
    await storage.runs.add([record("a")])
    await claim_one(storage)
    assert await storage.runs.cancel_pending("a", Outcome("interrupted")) is None


async def test_an_outcome_is_kept_for_its_ttl(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([record("a")])
    run = await claim_one(storage)
    await storage.runs.settle("a", run.claim or "", Outcome("success", values=b"{}"))
    clock.now += 59
    assert await storage.runs.get("a") is not None
    assert await storage.runs.sweep() == ([], 1060.0)
    clock.now += 1
    assert await storage.runs.get("a") is None
    assert await storage.runs.sweep() == (["a"], None)


async def test_a_kept_run_does_not_expire(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([record("a", kwargs={"temporary": False, "resumable": False})])
    run = await claim_one(storage)
    await storage.runs.settle("a", run.claim or "", Outcome("success"))
    clock.now += 10**6
    await storage.runs.sweep()
    assert await storage.runs.get("a") is not None


async def test_ended_runs_beyond_the_retention_leave_oldest_first(clock: Clock) -> None:
    storage = open_storage(Settings(run_retention_bytes=100_000), clock)
    for name in "abc":
        await storage.runs.add([record(name, status="running", claim="t", attempt=1)])
        await storage.runs.settle(name, "t", Outcome("success", values=b"x" * 40_000))
    gone, _ = await storage.runs.sweep()
    assert gone == ["a"]
    assert await storage.runs.get("c") is not None


async def test_followers_see_every_event_once_in_order(storage: Storage) -> None:
    storage.events.open("a", resumable=False)
    follower = storage.events.follow("a", 0)
    storage.events.append("a", [("x", b"1"), ("y", b"2")])
    assert list(await follower.next()) == [Event(1, "x", b"1"), Event(2, "y", b"2")]
    waiting = asyncio.ensure_future(follower.next())
    await asyncio.sleep(0)
    storage.events.append("a", [("z", b"3")])
    assert list(await waiting) == [Event(3, "z", b"3")]
    storage.events.close("a", record("a"))
    assert (list(await follower.next()), follower.ended) == ([], True)


async def test_events_before_the_end_are_read_after_it(storage: Storage) -> None:
    storage.events.open("a", resumable=False)
    follower = storage.events.follow("a", 0)
    storage.events.append("a", [("x", b"1")])
    storage.events.close("a", record("a"))
    assert [event.seq for event in await follower.next()] == [1]
    assert (list(await follower.next()), follower.ended) == ([], True)


@pytest.mark.parametrize(("after", "seen"), [(0, [1, 2, 3]), (2, [3]), (3, []), (99, []), (None, []), (END, [])])
async def test_a_resumable_run_is_read_again_after_any_cursor(
    storage: Storage, after: int | None, seen: list[int]
) -> None:
    storage.events.open("a", resumable=True)
    storage.events.append("a", [("x", b"1"), ("y", b"2"), ("z", b"3")])
    storage.events.close("a", record("a"))
    follower = storage.events.follow("a", after)
    assert [event.seq for event in await follower.next()] == seen


async def test_a_cursor_from_the_future_follows_from_now_on(storage: Storage) -> None:
    storage.events.open("a", resumable=True)
    follower = storage.events.follow("a", 99)
    storage.events.append("a", [("x", b"1")])
    assert [event.seq for event in await follower.next()] == [1]


async def test_waiting_for_the_end_wakes_at_the_end_only(storage: Storage) -> None:
    storage.events.open("a", resumable=False)
    follower = storage.events.follow("a", END)
    waiting = asyncio.ensure_future(follower.next())
    await asyncio.sleep(0)
    storage.events.append("a", [("x", b"1")])
    await asyncio.sleep(0)
    assert not waiting.done()
    storage.events.close("a", record("a"))
    assert (list(await waiting), follower.ended) == ([], True)


@pytest.mark.parametrize("end", ["nudge", "close"])
async def test_a_waiting_follower_is_woken_without_events(storage: Storage, end: str) -> None:
    storage.events.open("a", resumable=False)
    follower = storage.events.follow("a", 0)
    waiting = asyncio.ensure_future(follower.next())
    await asyncio.sleep(0)
    wake: Callable[[], None] = getattr(follower, end)
    wake()
    assert list(await waiting) == []
    assert follower.ended is (end == "close")


async def test_a_follower_at_the_end_has_the_ended_run(storage: Storage) -> None:
    storage.events.open("a", resumable=False)
    follower = storage.events.follow("a", END)
    assert follower.final is None
    storage.events.close("a", record("a", status="success"))
    await follower.next()
    assert follower.final == record("a", status="success")


async def test_a_run_that_is_not_open_has_nothing_to_follow(storage: Storage) -> None:
    follower = storage.events.follow("nobody", 0)
    assert (list(await follower.next()), follower.ended) == ([], True)


async def test_a_follower_that_falls_behind_holds_the_writer_up(storage: Storage) -> None:
    storage.events.open("a", resumable=False)
    slow, fast = storage.events.follow("a", 0), storage.events.follow("a", 0)
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
    storage.events.open("a", resumable=False)
    slow = storage.events.follow("a", 0)
    storage.events.append("a", [("x", b"x" * 1001)])
    room = asyncio.ensure_future(storage.events.room("a"))
    await asyncio.sleep(0)
    slow.close()
    await room


async def test_events_that_nobody_follows_hold_nobody_up(storage: Storage) -> None:
    storage.events.open("a", resumable=False)
    storage.events.open("b", resumable=True)
    for run_id in "ab":
        storage.events.append(run_id, [("x", b"x" * 1001)] * 3)
        assert not storage.events.full(run_id)


async def test_a_dropped_run_ends_its_followers_and_takes_no_more(storage: Storage) -> None:
    storage.events.open("a", resumable=True)
    follower = storage.events.follow("a", END)
    storage.events.drop("a")
    storage.events.append("a", [("x", b"1")])
    assert (list(await follower.next()), follower.ended) == ([], True)


async def test_an_unknown_kind_of_store_is_refused(clock: Clock) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URI='redis://x'"):
        open_storage(Settings(database_uri="redis://x"), clock)
