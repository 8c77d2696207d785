"""The promises of RunStore, tested with every backend."""

from __future__ import annotations

import asyncio

import pytest

from tests.storage.stores import (
    KEPT,
    LEASE,
    RUN_TTL,
    Clock,
    claim_one,
    claimed,
    ending,
    opened,
    record,
    store,
    until,
)
from tests.storage.test_threads import thread
from treadle.errors import ConfigError, LeaseLost
from treadle.storage.contract.runs import Outcome
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio


async def test_a_run_that_is_still_held_is_not_claimed(storage: Storage) -> None:
    """As when another process gives back a run whose lost attempt is still ending here."""
    await storage.runs.add([record("held"), record("later", due=2000.0)])
    assert await storage.runs.claim(2, ["held"]) == []
    assert await storage.runs.next_due(["held"]) == 2000.0
    assert await storage.runs.next_due(["held", "later"]) is None
    assert await storage.runs.next_due() == 1000.0
    assert [run.run_id for run in await storage.runs.claim(2)] == ["held"]


async def test_claims_come_longest_due_first_and_only_when_due(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([record("later", due=1002), record("b", due=999), record("a", due=998)])
    assert [run.run_id for run in await storage.runs.claim(10)] == ["a", "b"]
    assert await storage.runs.next_due() == 1002
    clock.now = 1002
    assert [run.run_id for run in await storage.runs.claim(10)] == ["later"]
    # Where claims are leases, there is something to claim again when the first of them ends.
    assert await storage.runs.next_due() == (1000 + LEASE if storage.durable else None)


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
    await storage.runs.add([claimed("a")])
    assert await storage.runs.claim(1) == []
    assert (await storage.runs.settle("a", "token", ending())).status == "success"


async def test_only_the_holder_of_the_claim_settles_and_only_once(storage: Storage) -> None:
    await storage.runs.add([record("a")])
    run = await claim_one(storage)
    with pytest.raises(LeaseLost):
        await storage.runs.settle("a", "another", ending())
    await storage.runs.settle("a", run.claim or "", ending(Outcome("error", error=b"{}")))
    with pytest.raises(LeaseLost):
        await storage.runs.settle("a", run.claim or "", ending())
    ended = await storage.runs.get("a")
    assert ended and (ended.status, ended.ended_at) == ("error", 1000.0)


async def test_a_pending_run_is_cancelled_before_it_starts(storage: Storage) -> None:
    await storage.runs.add([record("a", due=2000)])
    ended = await storage.runs.cancel_pending("a", ending(Outcome("interrupted")))
    assert ended and ended.status == "interrupted"
    assert await storage.runs.next_due() is None
    assert await storage.runs.cancel_pending("a", ending(Outcome("interrupted"))) is None


async def test_a_running_run_is_not_cancelled_as_pending(storage: Storage) -> None:
    await storage.runs.add([record("a")])
    await claim_one(storage)
    assert await storage.runs.cancel_pending("a", ending(Outcome("interrupted"))) is None


async def test_an_outcome_is_kept_for_its_ttl(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([record("a")])
    run = await claim_one(storage)
    await storage.runs.settle("a", run.claim or "", ending(Outcome("success", values=b"{}")))
    clock.now += 59
    assert await storage.runs.get("a") is not None
    assert await storage.runs.sweep() == ([], 1060.0)
    clock.now += 1
    assert await storage.runs.get("a") is None
    assert await storage.runs.sweep() == (["a"], None)


async def test_a_kept_run_does_not_expire(storage: Storage, clock: Clock) -> None:
    await storage.runs.add([record("a", kwargs=KEPT)])
    run = await claim_one(storage)
    await storage.runs.settle("a", run.claim or "", ending())
    clock.now += 10**6
    await storage.runs.sweep()
    assert await storage.runs.get("a") is not None


async def test_ended_runs_beyond_the_retention_leave_oldest_first(anywhere: str, clock: Clock) -> None:
    async with opened(anywhere, clock, run_retention_bytes=100_000) as storage:
        for name in "abc":
            await storage.runs.add([claimed(name)])
            await storage.runs.settle(name, "token", ending(Outcome("success", values=b"x" * 40_000)))
        assert await storage.runs.sweep() == (["a"], 1000 + RUN_TTL)
        assert await storage.runs.get("a") is None
        assert await storage.runs.get("c") is not None


async def test_a_retention_of_nothing_keeps_kept_and_unfinished_runs(anywhere: str, clock: Clock) -> None:
    async with opened(anywhere, clock, run_retention_bytes=0) as storage:
        await storage.runs.add([claimed("gone"), claimed("kept", kwargs=KEPT), claimed("running"), record("pending")])
        for name in ("gone", "kept"):
            await storage.runs.settle(name, "token", ending(Outcome("success", values=b"x" * 1000)))
        assert await storage.runs.sweep() == (["gone"], None)
        assert {run.run_id for run in await storage.runs.find()} == {"kept", "running", "pending"}


async def test_runs_and_threads_are_added_together_or_not_at_all(leased: Storage) -> None:
    await leased.runs.add([record("taken")])
    with pytest.raises(Exception, match="run_id"):
        await leased.runs.add([record("a"), record("taken"), record("b")], [thread()])
    assert [run.run_id for run in await leased.runs.find()] == ["taken"]
    assert await leased.threads.get("thread") is None


async def test_a_refused_write_does_not_undo_others_of_the_same_moment(leased: Storage) -> None:
    await leased.runs.add([claimed("a")])
    results = await asyncio.gather(
        leased.runs.add([record("b")]),
        leased.runs.settle("a", "another", ending()),
        leased.runs.settle("a", "token", ending()),
        leased.runs.add([record("a")]),
        leased.runs.add([record("c")]),
        return_exceptions=True,
    )
    assert [isinstance(result, Exception) for result in results] == [False, True, False, True, False]
    assert {run.run_id: run.status for run in await leased.runs.find()} == {
        "a": "success",
        "b": "pending",
        "c": "pending",
    }


async def test_each_run_goes_to_exactly_one_of_many_claimers(storage: Storage) -> None:
    await storage.runs.add([record(f"run {number}") for number in range(200)])
    taken = await asyncio.gather(*(storage.runs.claim(7) for _ in range(40)))
    ids = [run.run_id for claims in taken for run in claims]
    assert sorted(ids) == sorted({f"run {number}" for number in range(200)})


async def test_a_claim_that_nobody_waits_for_any_more_takes_nothing(storage: Storage) -> None:
    await storage.runs.add([record("a")])
    for ticks in range(6):
        cancelled = asyncio.ensure_future(storage.runs.claim(1))
        for _ in range(ticks % 3):
            await asyncio.sleep(0)
        taken = [] if cancelled.cancel() else cancelled.result()

        async def claimable() -> bool:
            taken.extend(await storage.runs.claim(1))  # noqa: B023 - awaited before the next round
            return bool(taken)  # noqa: B023

        await until(claimable)
        assert [(run.run_id, run.attempt) for run in taken] == [("a", 1)]
        await storage.runs.give_back("a", taken[0].claim or "")


async def test_a_run_that_is_given_back_waits_again_as_if_it_had_not_begun(storage: Storage) -> None:
    await storage.runs.add([record("first"), record("second")])
    run = await claim_one(storage)
    await storage.runs.give_back("first", "another claim")
    assert (await storage.runs.find(status="pending"))[0].run_id == "second"
    await storage.runs.give_back("first", run.claim or "")
    waiting = await storage.runs.get("first")
    assert waiting and (waiting.status, waiting.attempt, waiting.claim) == ("pending", 0, None)
    with pytest.raises(LeaseLost):
        await storage.runs.settle("first", run.claim or "", ending())
    again = {each.run_id: each for each in await storage.runs.claim(2)}
    assert again["first"].attempt == 1 and again["first"].claim != run.claim


async def test_the_whole_outcome_is_read_again(storage: Storage) -> None:
    outcome = Outcome("interrupted", b'{"a":1}', b'{"e":1}', b'{"i":1}', b'{"c":1}', 999.5)
    await storage.runs.add([claimed("a"), record("b")])
    settled = await storage.runs.settle("a", "token", ending(outcome))
    cancelled = await storage.runs.cancel_pending("b", ending(outcome))
    for ended in (settled, cancelled):
        assert ended is not None and ended.outcome == outcome
        assert await storage.runs.get(ended.run_id) == ended


async def test_a_removed_run_is_gone_whatever_it_was_doing(storage: Storage) -> None:
    await storage.runs.add([record("pending"), claimed("running"), claimed("ended")])
    await storage.runs.settle("ended", "token", ending())
    for name in ("pending", "running", "ended", "never there"):
        await storage.runs.remove(name)
        assert await storage.runs.get(name) is None
    assert await storage.runs.find() == [] and await storage.runs.claim(1) == []
    with pytest.raises(LeaseLost):
        await storage.runs.settle("running", "token", ending())
    assert await storage.runs.sweep() == ([], None)


async def test_runs_are_found_by_status_the_newest_first(storage: Storage) -> None:
    await storage.runs.add([record("a"), claimed("b"), record("c")])
    assert [run.run_id for run in await storage.runs.find(status="pending")] == ["c", "a"]
    assert [run.run_id for run in await storage.runs.find(status="running", thread_id="thread")] == ["b"]
    assert await storage.runs.find(status="running", thread_id="another") == []
    assert [run.run_id for run in await storage.runs.find()] == ["c", "b", "a"]


async def test_a_claim_is_confirmed_as_long_as_it_holds(storage: Storage) -> None:
    await storage.runs.add([claimed("a"), claimed("b"), record("c")])
    asked = {"a": "token", "b": "another", "c": "token", "nobody": "token"}
    for extend in (False, True):
        assert await storage.runs.renew(asked, extend=extend) == {"a": None}
    await storage.runs.settle("a", "token", ending())
    assert await storage.runs.renew(asked, extend=True) == {}


async def test_a_store_of_an_unknown_kind_is_refused(clock: Clock) -> None:
    with pytest.raises(ConfigError, match="DATABASE_URI='redis://x'"):
        await store("redis://x", clock)
