"""The promises of DeliveryStore, and of RunStore about what runs owe, held against every backend."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.live import DEADLINE
from tests.storage.stores import (
    BACKENDS,
    DONE,
    KEPT,
    RUN_TTL,
    TEMPORARY,
    Clock,
    claimed,
    count,
    database,
    record,
    store,
    until,
)
from treadle.errors import LeaseLost
from treadle.storage.contract.deliveries import Delivery, DeliveryAttempt
from treadle.storage.contract.runs import Outcome, RunRecord
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio
CLAIM_SECONDS = 25.0
FAILED = DeliveryAttempt(1000.0, 0.5, 500)
TAKEN = DeliveryAttempt(1001.0, 0.25, 200)
BROKEN = DeliveryAttempt(1002.0, 0.125, None, "no answer")
OWING = {**TEMPORARY, "webhook": "https://example.com/"}
OWING_KEPT = {**KEPT, "webhook": "https://example.com/"}
CANCELLED = Outcome("interrupted", cancelled=b"{}")


def owe(ended: RunRecord) -> Delivery | None:
    """Every run with a webhook owes how it ended."""
    url = ended.kwargs.get("webhook")
    if not url:
        return None
    assert ended.ended_at is not None and ended.outcome is not None
    body, host = ended.status.encode(), ended.metadata.get("host", "example.com")
    return Delivery(f"msg_{ended.run_id}", ended.run_id, ended.graph_id, host, url, body, ended.ended_at)


@pytest.fixture(params=BACKENDS, ids=lambda uri: uri.partition(":")[0])
async def owing(request: pytest.FixtureRequest, clock: Clock, tmp_path: Path) -> AsyncIterator[Storage]:
    """A store of any kind, whose runs owe."""
    opened = store(request.param.format(folder=tmp_path), clock, owe=owe, webhook_timeout=10.0)
    yield opened
    opened.close()


async def settled(storage: Storage, run_id: str = "run", kwargs: dict[str, Any] = OWING) -> RunRecord:
    """A run that has ended."""
    await storage.runs.add([claimed(run_id, kwargs=kwargs)])
    return await storage.runs.settle(run_id, "token", DONE)


async def claim_one(storage: Storage) -> Delivery:
    [delivery] = await storage.deliveries.claim(10)
    return delivery


async def test_a_settled_run_owes_once(owing: Storage) -> None:
    await settled(owing)
    with pytest.raises(LeaseLost):
        await owing.runs.settle("run", "token", DONE)
    delivery = await claim_one(owing)
    assert (delivery.delivery_id, delivery.run_id, delivery.body) == ("msg_run", "run", b"success")
    assert (delivery.status, delivery.due, delivery.attempts) == ("pending", 1000.0, ())
    assert await owing.deliveries.claim(10) == []


async def test_a_run_that_never_started_owes_as_well(owing: Storage) -> None:
    await owing.runs.add([record("run", kwargs=OWING)])
    assert await owing.runs.cancel_pending("run", CANCELLED)
    assert (await claim_one(owing)).body == b"interrupted"


async def test_a_run_without_a_receiver_owes_nothing(owing: Storage) -> None:
    ended = await settled(owing, kwargs=TEMPORARY)
    assert ended.expires_at == 1000.0 + RUN_TTL
    assert await owing.deliveries.claim(10) == [] and await owing.deliveries.next_due() is None


@pytest.mark.parametrize("run", [record("run", kwargs=OWING), claimed("run", kwargs=OWING)], ids=["pending", "running"])
async def test_an_unfinished_run_that_is_removed_owes_if_its_end_is_said(owing: Storage, run: RunRecord) -> None:
    await owing.runs.add([run])
    await owing.runs.remove("run", cut_off=CANCELLED)
    delivery = await claim_one(owing)
    assert delivery.body == b"interrupted"
    await owing.deliveries.report(delivery, TAKEN, "delivered")
    assert await owing.deliveries.of_run("run") == []


async def test_a_run_that_is_removed_after_its_end_owes_no_more_than_before(owing: Storage) -> None:
    await settled(owing)
    await owing.runs.remove("run", cut_off=CANCELLED)
    assert (await claim_one(owing)).body == b"success"
    await settled(owing, "other", kwargs=TEMPORARY)
    await owing.runs.remove("other", cut_off=CANCELLED)
    assert await owing.deliveries.claim(10) == []


async def test_attempts_are_logged_and_the_next_one_waits(owing: Storage, clock: Clock) -> None:
    await settled(owing)
    await owing.deliveries.report(await claim_one(owing), FAILED, "pending", 1007.0)
    assert await owing.deliveries.claim(10) == [] and await owing.deliveries.next_due() == 1007.0
    clock.now = 1007.0
    delivery = await claim_one(owing)
    assert (delivery.attempts, delivery.body) == ((FAILED,), b"success")
    await owing.deliveries.report(delivery, BROKEN, "pending", 1010.0)
    [shown] = await owing.deliveries.of_run("run")
    assert (shown.attempts, shown.due, shown.body, shown.status) == ((FAILED, BROKEN), 1010.0, None, "pending")
    clock.now = 1010.0
    await owing.deliveries.report(await claim_one(owing), TAKEN, "delivered")
    [shown] = await owing.deliveries.of_run("run")
    assert (shown.attempts, shown.status, shown.body) == ((FAILED, BROKEN, TAKEN), "delivered", None)
    assert await owing.deliveries.claim(10) == [] and await owing.deliveries.next_due() is None


async def test_a_claim_that_is_given_back_was_no_attempt(owing: Storage) -> None:
    await settled(owing)
    first = await claim_one(owing)
    await owing.deliveries.give_back(first)
    assert await owing.deliveries.next_due() == 1000.0
    second = await claim_one(owing)
    assert replace(second, claim=None) == replace(first, claim=None)
    await owing.deliveries.give_back(first)  # that claim is over
    await owing.deliveries.report(first, TAKEN, "delivered")
    assert await owing.deliveries.claim(10) == []
    [shown] = await owing.deliveries.of_run("run")
    assert (shown.status, shown.attempts) == ("pending", ())


async def test_the_longest_due_go_first_and_no_more_than_asked_for(owing: Storage, clock: Clock) -> None:
    for number in range(4):
        clock.now = 1003.0 - number
        await settled(owing, str(number))
    clock.now = 1002.0
    assert [each.run_id for each in await owing.deliveries.claim(2)] == ["3", "2"]
    assert [each.run_id for each in await owing.deliveries.claim(9)] == ["1"]
    assert await owing.deliveries.next_due() == 1003.0


async def test_a_run_stays_while_it_owes_and_its_retention_begins_then(owing: Storage, clock: Clock) -> None:
    ended = await settled(owing)
    assert ended.expires_at is None
    clock.now = 1e6
    assert (await owing.runs.sweep())[0] == []
    assert (await owing.runs.get("run")) == ended
    await owing.deliveries.report(await claim_one(owing), FAILED, "failed")
    run = await owing.runs.get("run")
    assert run is not None and run.expires_at == 1e6 + RUN_TTL
    assert len(await owing.deliveries.of_run("run")) == 1
    clock.now = run.expires_at
    assert await owing.runs.sweep() == (["run"], None)
    assert await owing.deliveries.of_run("run") == []


async def test_a_kept_run_keeps_its_log_until_it_is_removed(owing: Storage, clock: Clock) -> None:
    await settled(owing, kwargs=OWING_KEPT)
    await owing.deliveries.report(await claim_one(owing), TAKEN, "delivered")
    clock.now = 1e9
    await owing.runs.sweep()
    assert len(await owing.deliveries.of_run("run")) == 1
    await owing.runs.remove("run")
    assert await owing.deliveries.of_run("run") == []


async def test_what_is_owed_is_told(owing: Storage) -> None:
    owing.deliveries.changed.clear()
    await settled(owing, "quiet", kwargs=TEMPORARY)
    await settled(owing)
    async with asyncio.timeout(DEADLINE):
        await owing.deliveries.changed.wait()


async def test_size_is_kept_to_whatever_is_owed(tmp_path: Path, clock: Clock) -> None:
    """Runs that owe are no part of what is counted, and are counted as soon as they do not."""
    for uri in BACKENDS:
        opened = store(uri.format(folder=tmp_path), clock, owe=owe, run_retention_bytes=0)
        with closing(opened):
            for number in range(3):
                await settled(opened, str(number))
            assert (await opened.runs.sweep())[0] == []
            for delivery in await opened.deliveries.claim(2):
                await opened.deliveries.report(delivery, TAKEN, "delivered")
            assert sorted((await opened.runs.sweep())[0]) == ["0", "1"]
            assert [run.run_id for run in await opened.runs.find()] == ["2"]


# Several processes


async def test_exactly_one_process_gets_each_and_another_one_takes_over(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "runs.db"
    uri = f"sqlite:///{path}"
    with (
        closing(store(uri, clock, owe=owe)) as one,
        closing(store(uri, clock, owe=owe)) as other,
        closing(store(uri, clock, ["another graph"], owe=owe)) as stranger,
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
    with closing(store(uri, clock, owe=owe)) as before:
        await settled(before)
        first = await claim_one(before)
    with closing(store(uri, clock, owe=owe)) as after:
        assert replace(await claim_one(after), claim=None) == replace(first, claim=None)


async def test_a_claim_whose_caller_has_gone_is_free_again(tmp_path: Path, clock: Clock) -> None:
    with closing(store(f"sqlite:///{tmp_path / 'runs.db'}", clock, owe=owe)) as storage:
        await settled(storage)
        claiming = asyncio.create_task(storage.deliveries.claim(1))
        await asyncio.sleep(0)
        claiming.cancel()
        await asyncio.gather(claiming, return_exceptions=True)
        await until(lambda: storage.deliveries.claim(1))


async def test_nothing_stays_in_the_file_of_what_is_over(tmp_path: Path, clock: Clock) -> None:
    path = tmp_path / "runs.db"
    with closing(store(f"sqlite:///{path}", clock, owe=owe)) as storage:
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


async def test_deliveries_to_busy_hosts_are_passed_over(owing: Storage, clock: Clock) -> None:
    for number, host in enumerate(["one", "one", "other", "", "one"]):
        run = claimed(str(number), kwargs=OWING, metadata={"host": host})
        await owing.runs.add([run])
        await owing.runs.settle(run.run_id, "token", DONE)
        clock.now += 1
    assert [each.run_id for each in await owing.deliveries.claim(5, {"one"})] == ["2", "3"]
    assert await owing.deliveries.claim(5, ["one"]) == []
    assert await owing.deliveries.next_due() == 1000.0
    assert await owing.deliveries.claim(1, ["", "other"]) != []
    if (upcoming := await owing.deliveries.next_due(["one"])) is not None:
        assert upcoming >= clock.now  # at the end of a claim
    assert [(each.host, each.run_id) for each in await owing.deliveries.claim(5)] == [("one", "1"), ("one", "4")]
