"""The promises about leases, tested with every backend that several processes may share."""

from __future__ import annotations

import asyncio

import pytest

from tests.storage.stores import LEASE, Clock, claim_one, claimed, ending, record
from treadle.errors import LeaseLost
from treadle.storage.contract.runs import CancelRequest
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio
INTERRUPT = CancelRequest("interrupt", "stop")
ROLLBACK = CancelRequest("rollback", "forget it")


async def test_a_run_whose_lease_is_over_begins_its_next_attempt(leased: Storage, clock: Clock) -> None:
    await leased.runs.add([record("a")])
    first = await claim_one(leased)
    clock.now += LEASE - 0.001
    assert await leased.runs.claim(1) == []
    clock.now += 0.001
    second = await claim_one(leased)
    assert (second.status, second.attempt, second.started_at) == ("running", 2, clock.now)
    assert second.claim and second.claim != first.claim
    assert await leased.runs.renew({"a": first.claim or ""}, extend=True) == {}
    with pytest.raises(LeaseLost):
        await leased.runs.settle("a", first.claim or "", ending())
    await leased.runs.give_back("a", first.claim or "")
    assert (await leased.runs.settle("a", second.claim, ending())).attempt == 2


async def test_an_ended_lease_is_given_to_one_of_many_claimers(leased: Storage, clock: Clock) -> None:
    await leased.runs.add([claimed("a")])
    clock.now += LEASE
    taken = await asyncio.gather(*(leased.runs.claim(1) for _ in range(20)))
    assert sum(map(len, taken)) == 1


async def test_a_lease_begins_anew_when_it_is_extended_and_only_then(leased: Storage, clock: Clock) -> None:
    await leased.runs.add([claimed("extended"), claimed("asked about")])
    clock.now += LEASE / 2
    assert await leased.runs.renew({"extended": "token"}, extend=True) == {"extended": None}
    assert await leased.runs.renew({"asked about": "token"}, extend=False) == {"asked about": None}
    clock.now += LEASE / 2
    assert [run.run_id for run in await leased.runs.claim(2)] == ["asked about"]
    clock.now += LEASE / 2
    assert [run.run_id for run in await leased.runs.claim(2)] == ["extended"]


async def test_an_ended_lease_can_still_be_extended_until_somebody_takes_the_run(leased: Storage, clock: Clock) -> None:
    await leased.runs.add([claimed("a")])
    clock.now += LEASE
    assert await leased.runs.renew({"a": "token"}, extend=True) == {"a": None}
    assert await leased.runs.claim(1) == []


async def test_there_is_something_to_claim_when_the_first_lease_ends_or_a_run_is_due(
    leased: Storage, clock: Clock
) -> None:
    assert await leased.runs.next_due() is None
    await leased.runs.add([claimed("a"), record("later", due=1100)])
    assert await leased.runs.next_due() == 1000 + LEASE
    await leased.runs.add([record("sooner", due=1005)])
    assert await leased.runs.next_due() == 1005
    clock.now = 1010.0
    await leased.runs.renew({"a": "token"}, extend=True)
    await leased.runs.remove("sooner")
    assert await leased.runs.next_due() == 1010 + LEASE
    await leased.runs.settle("a", "token", ending())
    assert await leased.runs.next_due() == 1100


async def test_the_longest_due_run_comes_first_be_it_new_or_abandoned(leased: Storage, clock: Clock) -> None:
    await leased.runs.add([record("new", due=995), claimed("abandoned", due=990), record("newer", due=999)])
    clock.now += LEASE
    assert [run.run_id for run in await leased.runs.claim(3)] == ["abandoned", "new", "newer"]


async def test_whoever_runs_a_run_is_told_of_its_cancellation(leased: Storage) -> None:
    await leased.runs.add([claimed("a"), record("pending")])
    for extend in (False, True):
        assert await leased.runs.renew({"a": "token"}, extend=extend) == {"a": None}
    assert await leased.runs.request_cancel("a", INTERRUPT)
    for extend in (False, True):
        assert await leased.runs.renew({"a": "token"}, extend=extend) == {"a": INTERRUPT}
    assert not await leased.runs.request_cancel("a", INTERRUPT)
    assert await leased.runs.request_cancel("a", ROLLBACK)
    assert await leased.runs.renew({"a": "token"}, extend=False) == {"a": ROLLBACK}
    for request in (INTERRUPT, ROLLBACK):
        assert not await leased.runs.request_cancel("a", request)
    assert await leased.runs.renew({"a": "token"}, extend=False) == {"a": ROLLBACK}


async def test_what_is_not_running_cannot_be_told_of_a_cancellation(leased: Storage) -> None:
    await leased.runs.add([record("pending"), claimed("ended"), record("cancelled")])
    await leased.runs.settle("ended", "token", ending())
    await leased.runs.cancel_pending("cancelled", ending())
    for name in ("pending", "ended", "cancelled", "nobody"):
        assert not await leased.runs.request_cancel(name, ROLLBACK), name


@pytest.mark.parametrize("how", ["its lease ended", "it was given back"])
async def test_a_cancellation_reaches_the_next_holder_if_the_first_one_is_gone(
    leased: Storage, clock: Clock, how: str
) -> None:
    await leased.runs.add([claimed("a")])
    assert await leased.runs.request_cancel("a", INTERRUPT)
    if how == "its lease ended":
        clock.now += LEASE
    else:
        await leased.runs.give_back("a", "token")
    run = await claim_one(leased)
    assert await leased.runs.renew({"a": run.claim or ""}, extend=False) == {"a": INTERRUPT}


async def test_a_process_does_not_claim_what_it_still_holds(leased: Storage, clock: Clock) -> None:
    await leased.runs.add([claimed("held"), claimed("other"), record("new", due=1010.0)])
    clock.now += LEASE
    assert await leased.runs.next_due({"held", "other"}) == 1010
    assert [run.run_id for run in await leased.runs.claim(9, {"held"})] == ["other", "new"]
    assert await leased.runs.next_due({"held", "other", "new"}) is None
    assert [run.run_id for run in await leased.runs.claim(9)] == ["held"]


async def test_a_client_counts_as_attached_for_a_lease_at_a_time(leased: Storage, clock: Clock) -> None:
    until = clock.now + LEASE
    alone = [record("alone"), claimed("running alone")._replace(attached_until=None)]
    await leased.runs.add([*alone, record("pending")._replace(attached_until=until)])
    await leased.runs.add([claimed("running")._replace(attached_until=until)])
    clock.now += LEASE / 2
    assert await leased.runs.detached() == []
    await leased.runs.attach(["running", "unknown"])
    clock.now += LEASE / 2
    assert await leased.runs.detached() == ["pending"]
    clock.now += LEASE / 2
    assert sorted(await leased.runs.detached()) == ["pending", "running"]
    await leased.runs.attach(["pending"])
    await leased.runs.settle("running", "token", ending())
    await leased.runs.attach(["running"])
    assert await leased.runs.detached() == []
    found = await leased.runs.get("pending")
    assert found is not None and found.attached_until == clock.now + LEASE
