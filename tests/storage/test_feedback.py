"""Feedback on runs: kept with the run, counted as a part of it, and forgotten with it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from tests.storage.stores import (
    KEPT,
    RUN_TTL,
    TEMPORARY,
    Clock,
    begin,
    claim_one,
    count,
    end,
    processes,
    record,
    rows,
    store,
)
from treadle.errors import FeedbackFull, RunNotFound
from treadle.storage.contract.feedback import Feedback
from treadle.storage.contract.runs import Outcome
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio
MOST = 3
LINKS = b'{"a":"http://host/runs/r/feedback/t"}'


def said(key: str = "a", content: bytes = b'{"score":1}', at: float = 1000.0) -> Feedback:
    return Feedback(key, content, at)


async def test_entries_are_read_in_the_order_in_which_they_came(storage: Storage) -> None:
    await begin(storage, "r")
    given = [said("a", b"1", 1002.5), said("b\0", b"2", 1001.0), said("a", b"3", 1000.0)]
    assert [await storage.feedback.add("r", each, MOST) for each in given] == [1, 1, 2]
    assert await storage.feedback.of_run("r") == given
    assert await storage.feedback.of_key("r", "a") == [given[0], given[2]]
    assert await storage.feedback.of_key("r", "other") == []
    assert await storage.feedback.of_run("other") == []


async def test_so_many_are_kept_of_a_run_under_a_key(storage: Storage) -> None:
    for run_id in ("r", "s"):
        await begin(storage, run_id)
    for _ in range(MOST):
        await storage.feedback.add("r", said(), MOST)
    with pytest.raises(FeedbackFull):
        await storage.feedback.add("r", said(), MOST)
    await storage.feedback.add("r", said("b"), MOST)
    await storage.feedback.add("s", said(), MOST)
    assert len(await storage.feedback.of_run("r")) == MOST + 1


async def test_many_at_once_are_not_more(storage: Storage) -> None:
    await begin(storage, "r")
    adding = [storage.feedback.add("r", said(), MOST) for _ in range(20)]
    results = await asyncio.gather(*adding, return_exceptions=True)
    assert sum(isinstance(result, FeedbackFull) for result in results) == 20 - MOST
    assert len(await storage.feedback.of_run("r")) == MOST


async def test_nothing_is_said_of_a_run_that_is_not_there(storage: Storage, clock: Clock) -> None:
    with pytest.raises(RunNotFound):
        await storage.feedback.add("r", said(), MOST)
    await end(storage, await begin(storage, "r"))
    await storage.feedback.add("r", said(), MOST)
    clock.now += RUN_TTL
    for run_id in ("r", "other"):
        with pytest.raises(RunNotFound):
            await storage.feedback.add(run_id, said(), MOST)
        with pytest.raises(RunNotFound):
            await storage.feedback.of_key(run_id, "a")


async def test_it_is_forgotten_with_the_run(storage: Storage, clock: Clock) -> None:
    for run_id in ("removed", "expired", "kept"):
        run = await begin(storage, run_id, KEPT if run_id == "kept" else TEMPORARY)
        await end(storage, run)
        await storage.feedback.add(run_id, said(), MOST)
    await storage.runs.remove("removed")
    clock.now += RUN_TTL
    assert (await storage.runs.sweep())[0] == ["expired"]
    assert [len(await storage.feedback.of_run(run_id)) for run_id in ("removed", "expired", "kept")] == [0, 0, 1]


@pytest.mark.parametrize("ended_first", [True, False])
async def test_it_counts_as_a_part_of_the_run(anywhere: str, clock: Clock, ended_first: bool) -> None:
    """Runs with much feedback do not outgrow the store."""
    storage = await store(anywhere, clock, run_retention_bytes=100_000)
    for number in range(10):
        run = await begin(storage, f"r{number}")
        if ended_first:
            await end(storage, run)
        await storage.feedback.add(run.run_id, said(content=b"x" * 30_000), MOST)
        if not ended_first:
            await end(storage, run)
        await storage.runs.sweep()
        clock.now += 1
    left = [run.run_id for run in await storage.runs.find()]
    assert left == ["r9", "r8"] if anywhere == "memory://" else ["r9", "r8", "r7"]
    assert len(await storage.feedback.of_run("r0")) == 0
    for run_id in left:
        await storage.runs.remove(run_id)
    if anywhere != "memory://":
        assert rows(anywhere, "feedback") == 0
    if anywhere.startswith("sqlite"):
        assert count(Path(anywhere.removeprefix("sqlite:///")), "ended_bytes FROM totals") == 0
    await storage.close()


async def test_entries_that_outgrow_the_store_take_their_run_with_them(clock: Clock) -> None:
    storage = await store("memory://", clock, run_retention_bytes=20_000)
    await end(storage, await begin(storage, "r"))
    with pytest.raises(RunNotFound):
        await storage.feedback.add("r", said(content=b"x" * 30_000), MOST)
        await storage.feedback.add("r", said(), MOST)
    assert await storage.feedback.of_run("r") == []


async def test_links_are_settled_with_the_run(storage: Storage) -> None:
    run = await begin(storage, "r")
    ended = await end(storage, run, Outcome("success", values=b"{}", feedback=LINKS))
    found = await storage.runs.get("r")
    assert found is not None and found.outcome == ended.outcome
    assert found.outcome is not None and found.outcome.feedback == LINKS


async def test_whoever_claims_a_run_learns_where_its_client_found_the_server(storage: Storage) -> None:
    await storage.runs.add([record("r", base_url="https://host/base"), record("s")])
    assert [(await claim_one(storage)).base_url for _ in "rs"] == ["https://host/base", None]


async def test_the_secret_is_one_for_all_processes_of_a_file_and_after_a_restart(shared: str, clock: Clock) -> None:
    async with processes(shared, clock, 3) as stores:
        secrets = {each.feedback.secret for each in stores}
    async with processes(shared, clock, 1) as [again]:
        assert secrets == {again.feedback.secret}
    assert len(again.feedback.secret) == 32


async def test_the_secret_is_no_other_stores(tmp_path: Path, clock: Clock) -> None:
    stores = [
        await store(uri, clock)
        for uri in ("memory://", "memory://", f"sqlite:///{tmp_path}/a", f"sqlite:///{tmp_path}/b")
    ]
    assert len({each.feedback.secret for each in stores}) == 4
    for each in stores:
        await each.close()


async def test_what_one_process_is_told_another_one_reads(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as [one, other]:
        await end(one, await begin(one, "r"))
        await other.feedback.add("r", said(), MOST)
        assert await one.feedback.of_run("r") == [said()]
