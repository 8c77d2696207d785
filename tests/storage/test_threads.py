"""The promises of ThreadStore, and of RunStore about threads, tested with every backend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.storage.stores import KEPT, Clock, ending, record
from treadle.storage.contract.runs import Outcome
from treadle.storage.contract.store import Storage
from treadle.storage.contract.threads import ThreadRecord, ThreadState, ThreadTtl

pytestmark = pytest.mark.anyio


def thread(thread_id: str = "thread", **changes: Any) -> ThreadRecord:
    """A kept thread that was just made."""
    return replace(ThreadRecord(thread_id, "graph", {}, {}, {}, 1000.0, 1000.0, 1000.0), **changes)


def kept(run_id: str = "run") -> Any:
    return record(run_id, kwargs=KEPT)


BUSY = ThreadState("busy", interrupts=None)
LEFT = ThreadState("interrupted", b'{"a":1}', None, b'{"task":[]}')


async def test_a_thread_is_added_once(storage: Storage) -> None:
    assert await storage.threads.add(thread(metadata={"a": 1}))
    assert not await storage.threads.add(thread(metadata={"b": 2}))
    found = await storage.threads.get("thread")
    assert found is not None and found.metadata == {"a": 1}


async def test_a_removed_thread_is_gone(storage: Storage) -> None:
    await storage.threads.add(thread())
    await storage.threads.remove("thread")
    await storage.threads.remove("thread")
    assert await storage.threads.get("thread") is None


async def test_runs_come_with_their_threads(storage: Storage) -> None:
    await storage.runs.add([kept()], [thread(state=BUSY)])
    found = await storage.threads.get("thread")
    assert found is not None and found.state == BUSY


async def test_a_settled_run_leaves_its_state_and_the_time(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([kept()], [thread(state=BUSY)])
    (run,) = await storage.runs.claim(1)
    clock.now = 1005.0
    await storage.runs.settle("run", run.claim or "", ending(left=LEFT, at=1005.0))
    found = await storage.threads.get("thread")
    assert found == thread(state=LEFT, updated_at=1005.0, state_updated_at=1005.0)


async def test_a_run_that_never_started_leaves_its_thread_idle(storage: Storage) -> None:
    await storage.runs.add([kept()], [thread(state=BUSY)])
    assert await storage.runs.cancel_pending("run", ending(Outcome("interrupted"), ThreadState()))
    found = await storage.threads.get("thread")
    assert found is not None and found.state == ThreadState()


async def test_a_removed_run_may_change_its_thread_or_leave_it(storage: Storage) -> None:
    await storage.runs.add([kept("one"), kept("two")], [thread(state=BUSY)])
    await storage.runs.remove("one")
    found = await storage.threads.get("thread")
    assert found is not None and found.state == BUSY
    await storage.runs.remove("two", ending(left=LEFT))
    found = await storage.threads.get("thread")
    assert found is not None and found.state == LEFT


async def test_what_a_run_leaves_makes_no_thread(storage: Storage) -> None:
    await storage.runs.add([record("run")])
    (run,) = await storage.runs.claim(1)
    await storage.runs.settle("run", run.claim or "", ending(Outcome("success"), LEFT))
    assert await storage.threads.get("thread") is None


async def test_runs_are_found_by_their_thread_the_newest_first(storage: Storage) -> None:
    await storage.runs.add([record("a"), record("b", thread_id="other"), record("c")])
    assert [run.run_id for run in await storage.runs.find(thread_id="thread")] == ["c", "a"]
    await storage.runs.remove("c")
    await storage.runs.remove("a")
    assert await storage.runs.find(thread_id="thread") == []


async def test_a_thread_whose_time_is_over_is_not_found_and_told_until_it_is_removed(
    storage: Storage, clock: Clock
) -> None:
    await storage.threads.add(thread("short", ttl=ThreadTtl(1)))
    await storage.threads.add(thread("long", ttl=ThreadTtl(10)))
    await storage.threads.add(thread("endless"))
    assert await storage.threads.expired() == ([], 1060.0)
    clock.now = 1060.0
    assert await storage.threads.get("short") is None
    for _ in range(2):
        over, upcoming = await storage.threads.expired()
        assert [each.thread_id for each in over] == ["short"]
        assert upcoming == 1600.0
    await storage.threads.remove("short")
    assert await storage.threads.expired() == ([], 1600.0)
    clock.now = 1e9
    assert await storage.threads.get("endless") is not None


async def test_the_time_of_a_thread_begins_anew_when_a_run_leaves_its_state(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([kept()], [thread(state=BUSY, ttl=ThreadTtl(1))])
    (run,) = await storage.runs.claim(1)
    clock.now = 1050.0
    await storage.runs.settle("run", run.claim or "", ending(left=LEFT, at=1050.0))
    clock.now = 1100.0
    assert await storage.threads.get("thread") is not None
    assert await storage.threads.expired() == ([], 1110.0)
    clock.now = 1110.0
    assert [each.thread_id for each in (await storage.threads.expired())[0]] == ["thread"]


async def test_a_busy_thread_stays_and_its_time_begins_with_the_end_of_its_run(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([kept()], [thread(state=BUSY, ttl=ThreadTtl(1))])
    clock.now = 5000.0
    assert await storage.threads.get("thread") is not None
    assert await storage.threads.expired() == ([], None)
    assert await storage.runs.cancel_pending("run", ending(Outcome("interrupted"), LEFT, at=5000.0))
    assert await storage.threads.expired() == ([], 5060.0)
    clock.now = 5060.0
    assert await storage.threads.get("thread") is None
    assert [each.thread_id for each in (await storage.threads.expired())[0]] == ["thread"]


async def test_a_thread_that_keeps_its_latest_state_stays_and_is_pruned_once_after_each_change(
    storage: Storage, clock: Clock
) -> None:
    await storage.runs.add([kept()], [thread(state=BUSY, ttl=ThreadTtl(1, "keep_latest"))])
    (run,) = await storage.runs.claim(1)
    await storage.threads.mark_pruned("thread")  # it has not expired: no effect
    await storage.runs.settle("run", run.claim or "", ending(left=LEFT, at=1050.0))
    await storage.threads.mark_pruned("thread")
    assert await storage.threads.expired() == ([], 1110.0)
    clock.now = 1110.0
    (over,), upcoming = await storage.threads.expired()
    assert (over.thread_id, over.ttl, upcoming) == ("thread", ThreadTtl(1, "keep_latest"), None)
    assert await storage.threads.get("thread") == over
    await storage.threads.mark_pruned("thread")
    assert await storage.threads.expired() == ([], None)
    pruned = await storage.threads.get("thread")
    assert pruned is not None
    assert (pruned.pruned, pruned.expires_at, pruned.ttl) == (True, None, over.ttl)
