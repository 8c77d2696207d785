"""One store that several processes have open: each sees the changes of the others."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from tests.live import DEADLINE
from tests.storage.stores import Clock, claim_one, claimed, ending, opened, processes, record, until
from treadle.errors import LeaseLost
from treadle.storage.contract.runs import CancelRequest, Outcome
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio
QUIET = 0.05
"""Seconds without a change, after which earlier steps are expected to cause no more."""


async def quiet(storage: Storage) -> None:
    """Return once nothing has changed for a while."""
    with suppress(TimeoutError):
        while True:
            async with asyncio.timeout(QUIET):
                await storage.changes.next()


async def test_what_one_adds_another_claims_and_ends(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        await one.runs.add([record("a")])
        run = await claim_one(other)
        assert await one.runs.claim(1) == []
        assert await one.runs.renew({"a": run.claim or ""}, extend=True) == {"a": None}
        ended = await other.runs.settle("a", run.claim or "", ending())
        assert await one.runs.get("a") == ended


async def test_each_run_goes_to_exactly_one_claimer_of_all_processes(shared: str, clock: Clock) -> None:
    async with processes(shared, clock, number=4) as stores:
        for batch in range(5):
            ids = {f"{batch} {number}" for number in range(100)}
            await stores[batch % 4].runs.add([record(run_id) for run_id in ids])
            taken = await asyncio.gather(*(stores[number % 4].runs.claim(5) for number in range(40)))
            assert sorted(run.run_id for claims in taken for run in claims) == sorted(ids)


async def test_a_run_is_settled_once_by_whoever_holds_it_last(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        await one.runs.add([claimed("a")])
        clock.now += 15
        run = await claim_one(other)
        settled = await asyncio.gather(
            one.runs.settle("a", "token", ending(Outcome("error"))),
            other.runs.settle("a", run.claim or "", ending()),
            return_exceptions=True,
        )
        assert isinstance(settled[0], LeaseLost) and not isinstance(settled[1], BaseException)
        found = await one.runs.get("a")
        assert found is not None and (found.status, found.attempt) == ("success", 2)


async def test_a_change_wakes_every_process(shared: str, clock: Clock) -> None:
    async with processes(shared, clock, number=3) as (one, *others):
        await one.runs.add([claimed("run")])
        changes = (
            lambda: one.runs.add([record("new")]),
            lambda: one.runs.request_cancel("run", CancelRequest("interrupt", "stop")),
            lambda: one.runs.give_back("run", "token"),
            lambda: one.runs.remove("run"),
        )
        for other in others:
            await quiet(other)
        for change in changes:
            await change()
            async with asyncio.timeout(DEADLINE):
                await asyncio.gather(*(other.changes.next() for other in others))


async def test_a_cancellation_from_another_process_is_there_when_its_change_is(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        await one.runs.add([claimed("a")])
        request = CancelRequest("rollback", "forget it")
        assert await other.runs.request_cancel("a", request)

        async def told() -> bool:
            await one.changes.next()
            return await one.runs.renew({"a": "token"}, extend=False) == {"a": request}

        await until(told)


async def test_what_a_process_left_running_begins_again_when_it_was_the_last(path: Path, clock: Clock) -> None:
    """In a file, which has nobody else's; in a database, those who cannot be reached may still be at work."""
    async with opened(f"sqlite:///{path}", clock) as one:
        await one.runs.add([claimed("a")])
    async with opened(f"sqlite:///{path}", clock) as one:
        run = await claim_one(one)
        assert (run.run_id, run.attempt) == ("a", 2)


async def test_what_others_are_running_goes_on_when_a_process_comes(shared: str, clock: Clock) -> None:
    async with processes(shared, clock, number=1) as (one,):
        await one.runs.add([claimed("a")])
        async with processes(shared, clock, number=1) as (late,):
            assert await late.runs.claim(1) == []
        assert await one.runs.renew({"a": "token"}, extend=False) == {"a": None}


async def test_a_process_claims_runs_of_its_own_graphs_only(shared: str, clock: Clock) -> None:
    async with opened(shared, clock, ["old", "both"]) as one, opened(shared, clock, ["both", "new", "x"]) as other:
        runs = [record(f"{graph} {n}", graph_id=graph, due=990.0 + n) for n in range(3) for graph in ("both", "new")]
        await one.runs.add([*runs, claimed("new 3", graph_id="new"), record("gone", graph_id="gone", due=1.0)])
        assert await one.runs.next_due() == 990
        assert [run.run_id for run in await one.runs.claim(2)] == ["both 0", "both 1"]
        clock.now += 15
        assert await one.runs.next_due() == 992
        assert [run.run_id for run in await one.runs.claim(9)] == ["both 0", "both 1", "both 2"]
        assert await one.runs.claim(9) == []
        assert [run.run_id for run in await other.runs.claim(9)] == ["new 0", "new 1", "new 2", "new 3"]
