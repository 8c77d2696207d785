"""The promises of DeliveryStore, and of RunStore about deliveries, tested with every backend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.live import DEADLINE
from tests.storage.stores import (
    DONE,
    KEPT,
    RUN_TTL,
    Clock,
    claimed,
    count,
    database,
    ending,
    opened,
    record,
    until,
)
from treadle.errors import LeaseLost
from treadle.storage.contract.deliveries import Delivery, DeliveryAttempt
from treadle.storage.contract.runs import Ending, Outcome, RunRecord
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio
CLAIM_SECONDS = 25.0
FAILED = DeliveryAttempt(1000.0, 0.5, 500)
TAKEN = DeliveryAttempt(1001.0, 0.25, 200)
BROKEN = DeliveryAttempt(1002.0, 0.125, None, "no answer")
CANCELLED = Outcome("interrupted", cancelled=b"{}")


def owing(run_id: str, outcome: Outcome = DONE, *, at: float = 1000.0, host: str = "example.com") -> Ending:
    """The ending of a run that owes its receiver a delivery."""
    url, body = "https://example.com/", outcome.status.encode()
    return ending(outcome, at=at, webhook=Delivery(f"msg_{run_id}", run_id, "graph", host, url, body, at))


@pytest.fixture
async def leased(anywhere: str, clock: Clock) -> AsyncIterator[Storage]:
    """A store of any kind, whose deliveries are claimed for CLAIM_SECONDS."""
    async with opened(anywhere, clock, webhook_timeout=10.0) as storage:
        yield storage


async def settled(storage: Storage, run_id: str = "run", *, at: float = 1000.0, **changes: Any) -> RunRecord:
    """A run that has ended, and owes a delivery."""
    await storage.runs.add([claimed(run_id, **changes)])
    return await storage.runs.settle(run_id, "token", owing(run_id, at=at))


async def settled_debtless(storage: Storage, run_id: str = "run") -> RunRecord:
    """A run that has ended, and owes nothing."""
    await storage.runs.add([claimed(run_id)])
    return await storage.runs.settle(run_id, "token", ending())


async def claim_one(storage: Storage) -> Delivery:
    [delivery] = await storage.deliveries.claim(10)
    return delivery


async def test_a_settled_run_owes_once(leased: Storage) -> None:
    await settled(leased)
    with pytest.raises(LeaseLost):
        await leased.runs.settle("run", "token", owing("run"))
    delivery = await claim_one(leased)
    assert (delivery.delivery_id, delivery.run_id, delivery.body) == ("msg_run", "run", b"success")
    assert (delivery.status, delivery.due, delivery.attempts) == ("pending", 1000.0, ())
    assert await leased.deliveries.claim(10) == []


async def test_a_run_that_never_started_owes_as_well(leased: Storage) -> None:
    await leased.runs.add([record("run")])
    assert await leased.runs.cancel_pending("run", owing("run", CANCELLED))
    assert (await claim_one(leased)).body == b"interrupted"


async def test_a_run_without_a_receiver_owes_nothing(leased: Storage) -> None:
    ended = await settled_debtless(leased)
    assert ended.expires_at == 1000.0 + RUN_TTL
    assert await leased.deliveries.claim(10) == [] and await leased.deliveries.next_due() is None


@pytest.mark.parametrize("run", [record("run"), claimed("run")], ids=["pending", "running"])
async def test_an_unfinished_run_that_is_removed_owes_if_its_end_is_said(leased: Storage, run: RunRecord) -> None:
    await leased.runs.add([run])
    await leased.runs.remove("run", owing("run", CANCELLED))
    delivery = await claim_one(leased)
    assert delivery.body == b"interrupted"
    await leased.deliveries.report(delivery, TAKEN, "delivered")
    assert await leased.deliveries.of_run("run") == []


async def test_a_run_that_is_removed_after_its_end_owes_no_more_than_before(leased: Storage) -> None:
    await settled(leased)
    await leased.runs.remove("run", owing("run", CANCELLED))
    assert (await claim_one(leased)).body == b"success"
    await settled_debtless(leased, "other")
    await leased.runs.remove("other", owing("other", CANCELLED))
    assert await leased.deliveries.claim(10) == []


async def test_attempts_are_logged_and_the_next_one_waits(leased: Storage, clock: Clock) -> None:
    await settled(leased)
    await leased.deliveries.report(await claim_one(leased), FAILED, "pending", 1007.0)
    assert await leased.deliveries.claim(10) == [] and await leased.deliveries.next_due() == 1007.0
    clock.now = 1007.0
    delivery = await claim_one(leased)
    assert (delivery.attempts, delivery.body) == ((FAILED,), b"success")
    await leased.deliveries.report(delivery, BROKEN, "pending", 1010.0)
    [shown] = await leased.deliveries.of_run("run")
    assert (shown.attempts, shown.due, shown.body, shown.status) == ((FAILED, BROKEN), 1010.0, None, "pending")
    clock.now = 1010.0
    await leased.deliveries.report(await claim_one(leased), TAKEN, "delivered")
    [shown] = await leased.deliveries.of_run("run")
    assert (shown.attempts, shown.status, shown.body) == ((FAILED, BROKEN, TAKEN), "delivered", None)
    assert await leased.deliveries.claim(10) == [] and await leased.deliveries.next_due() is None


async def test_a_claim_that_is_given_back_was_no_attempt(leased: Storage) -> None:
    await settled(leased)
    first = await claim_one(leased)
    await leased.deliveries.give_back(first)
    assert await leased.deliveries.next_due() == 1000.0
    second = await claim_one(leased)
    assert replace(second, claim=None) == replace(first, claim=None)
    await leased.deliveries.give_back(first)  # that claim is over
    await leased.deliveries.report(first, TAKEN, "delivered")
    assert await leased.deliveries.claim(10) == []
    [shown] = await leased.deliveries.of_run("run")
    assert (shown.status, shown.attempts) == ("pending", ())


async def test_the_longest_due_go_first_and_no_more_than_asked_for(leased: Storage, clock: Clock) -> None:
    for number in range(4):
        await settled(leased, str(number), at=1003.0 - number)
    clock.now = 1002.0
    assert [each.run_id for each in await leased.deliveries.claim(2)] == ["3", "2"]
    assert [each.run_id for each in await leased.deliveries.claim(9)] == ["1"]
    assert await leased.deliveries.next_due() == 1003.0


async def test_a_run_stays_while_it_owes_and_its_retention_begins_then(leased: Storage, clock: Clock) -> None:
    ended = await settled(leased)
    assert ended.expires_at is None
    clock.now = 1e6
    assert (await leased.runs.sweep())[0] == []
    assert (await leased.runs.get("run")) == ended
    await leased.deliveries.report(await claim_one(leased), FAILED, "failed")
    run = await leased.runs.get("run")
    assert run is not None and run.expires_at == 1e6 + RUN_TTL
    assert len(await leased.deliveries.of_run("run")) == 1
    clock.now = run.expires_at
    assert await leased.runs.sweep() == (["run"], None)
    assert await leased.deliveries.of_run("run") == []


async def test_a_kept_run_keeps_its_log_until_it_is_removed(leased: Storage, clock: Clock) -> None:
    await settled(leased, kwargs=KEPT)
    await leased.deliveries.report(await claim_one(leased), TAKEN, "delivered")
    clock.now = 1e9
    await leased.runs.sweep()
    assert len(await leased.deliveries.of_run("run")) == 1
    await leased.runs.remove("run")
    assert await leased.deliveries.of_run("run") == []


async def test_what_is_owed_is_told(leased: Storage) -> None:
    leased.deliveries.changed.clear()
    await settled_debtless(leased, "quiet")
    await settled(leased)
    async with asyncio.timeout(DEADLINE):
        await leased.deliveries.changed.wait()


async def test_size_is_kept_to_whatever_is_owed(anywhere: str, clock: Clock) -> None:
    """Runs that owe a delivery do not count; they count as soon as it is sent."""
    async with opened(anywhere, clock, run_retention_bytes=0) as storage:
        for number in range(3):
            await settled(storage, str(number))
        assert (await storage.runs.sweep())[0] == []
        for delivery in await storage.deliveries.claim(2):
            await storage.deliveries.report(delivery, TAKEN, "delivered")
        assert sorted((await storage.runs.sweep())[0]) == ["0", "1"]
        assert [run.run_id for run in await storage.runs.find()] == ["2"]


# Several processes


async def test_exactly_one_process_gets_each_and_another_one_takes_over(shared: str, clock: Clock) -> None:
    async with (
        opened(shared, clock) as one,
        opened(shared, clock) as other,
        opened(shared, clock, ["another graph"]) as stranger,
    ):
        for number in range(20):
            await settled(one, str(number))
        async with asyncio.timeout(DEADLINE):
            await other.deliveries.changed.wait()
        assert await stranger.deliveries.claim(99) == [] and await stranger.deliveries.next_due() is None
        taken = await asyncio.gather(*(each.deliveries.claim(12) for each in (one, other)))
        assert sorted(int(delivery.run_id) for some in taken for delivery in some) == list(range(20))
        assert await other.deliveries.next_due() == 1000.0 + CLAIM_SECONDS
        clock.now = 1000.0 + CLAIM_SECONDS
        again = await other.deliveries.claim(99)
        assert len(again) == 20
        stale = taken[0][0]
        await one.deliveries.report(stale, TAKEN, "delivered")  # its claim is over
        [shown] = await one.deliveries.of_run(stale.run_id)
        assert shown.status == "pending"


async def test_what_a_killed_process_had_claimed_is_free_for_the_next_one(tmp_path: Path, clock: Clock) -> None:
    uri = f"sqlite:///{tmp_path / 'runs.db'}"
    async with opened(uri, clock) as before:
        await settled(before)
        first = await claim_one(before)
    async with opened(uri, clock) as after:
        assert replace(await claim_one(after), claim=None) == replace(first, claim=None)


async def test_a_claim_whose_caller_has_gone_is_free_again(tmp_path: Path, clock: Clock) -> None:
    async with opened(f"sqlite:///{tmp_path / 'runs.db'}", clock) as storage:
        await settled(storage)
        claiming = asyncio.create_task(storage.deliveries.claim(1))
        await asyncio.sleep(0)
        claiming.cancel()
        await asyncio.gather(claiming, return_exceptions=True)
        await until(lambda: storage.deliveries.claim(1))


async def test_nothing_stays_in_the_file_of_what_is_over(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "runs.db"
    async with opened(f"sqlite:///{path}", clock) as storage:
        for number in range(30):
            await settled(storage, str(number))
            if number % 3 == 0:
                await storage.runs.remove(str(number))
        for delivery in await storage.deliveries.claim(99):
            await storage.deliveries.report(delivery, TAKEN, "delivered")
        assert count(path, "count(*) FROM deliveries") == 20
        assert count(path, "count(*) FROM delivery_bodies") == 0
        clock.now += RUN_TTL
        await storage.runs.sweep()
        assert count(path, "count(*) FROM deliveries") == count(path, "count(*) FROM runs") == 0
        assert count(path, "ended_bytes FROM totals") == 0
        assert database(storage).path == path


async def test_deliveries_to_busy_hosts_are_passed_over(leased: Storage, clock: Clock) -> None:
    for number, host in enumerate(["one", "one", "other", "", "one"]):
        await leased.runs.add([claimed(str(number))])
        await leased.runs.settle(str(number), "token", owing(str(number), at=clock.now, host=host))
        clock.now += 1
    assert [each.run_id for each in await leased.deliveries.claim(5, {"one"})] == ["2", "3"]
    assert await leased.deliveries.claim(5, ["one"]) == []
    assert await leased.deliveries.next_due() == 1000.0
    assert await leased.deliveries.claim(1, ["", "other"]) != []
    if (upcoming := await leased.deliveries.next_due(["one"])) is not None:
        assert upcoming >= clock.now  # at the end of a claim
    assert [(each.host, each.run_id) for each in await leased.deliveries.claim(5)] == [("one", "1"), ("one", "4")]
