"""A SQLite store at its limits: a full disk, a big file, odd values, a long life, a quick end."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.live import DEADLINE
from tests.storage.stores import (
    KEPT,
    RESUMABLE,
    RESUMABLE_TTL,
    RUN_TTL,
    TEMPORARY,
    Clock,
    all_seen,
    begin,
    claimed,
    count,
    database,
    end,
    ending,
    opened,
    record,
    seen,
    store,
)
from tests.storage.test_threads import thread
from treadle.errors import StorageUnavailable
from treadle.storage.contract.events import END, Event
from treadle.storage.contract.runs import Outcome
from treadle.storage.contract.store import Storage
from treadle.storage.contract.threads import ThreadState

pytestmark = pytest.mark.anyio


async def pragma(storage: Storage, text: str) -> int:
    """Execute it on the connection that writes."""
    return int(await database(storage).write(lambda connection: connection.execute(f"PRAGMA {text}").fetchone()[0]))


async def test_a_full_disk_is_said_with_503_and_nothing_is_half_written(sqlite: Storage, path: Path) -> None:
    await sqlite.runs.add([claimed("a", kwargs=RESUMABLE)])
    await pragma(sqlite, f"max_page_count = {await pragma(sqlite, 'page_count') + 4}")
    big = replace(RESUMABLE, input="x" * 100_000)
    with pytest.raises(StorageUnavailable, match="disk is full") as refused:
        await sqlite.runs.add([record("small"), record("big", kwargs=big)], [thread()])
    assert refused.value.status == 503
    with pytest.raises(StorageUnavailable):
        await sqlite.runs.settle("a", "token", ending(Outcome("success", values=b"x" * 100_000), ThreadState("error")))
    assert [run.run_id for run in await sqlite.runs.find()] == ["a"]
    assert await sqlite.threads.get("thread") is None
    assert await sqlite.runs.renew({"a": "token"}, extend=True) == {"a": None}  # writes that need no room still work

    await pragma(sqlite, "max_page_count = 1000000")
    await sqlite.runs.add([record("small"), record("big", kwargs=big)], [thread()])
    await sqlite.runs.settle("a", "token", ending(Outcome("success", values=b"x" * 100_000)))
    assert len(await sqlite.runs.find()) == 3
    assert count(path, "integrity_check FROM pragma_integrity_check") == "ok"


async def test_a_full_disk_fails_what_needs_room_and_nothing_that_waits_beside_it(sqlite: Storage) -> None:
    await pragma(sqlite, f"max_page_count = {await pragma(sqlite, 'page_count') + 4}")
    big = replace(KEPT, input="x" * 100_000)
    results = await asyncio.gather(
        *(sqlite.runs.add([record(str(number), kwargs=big if number == 5 else KEPT)]) for number in range(10)),
        return_exceptions=True,
    )
    for number, result in enumerate(results):
        assert isinstance(result, StorageUnavailable) if number == 5 else result is None
        assert (await sqlite.runs.get(str(number)) is not None) == (result is None)
    await sqlite.runs.add([record("after")])
    assert await sqlite.runs.get("after") is not None


async def test_events_that_find_no_room_are_written_in_their_place_once_there_is_some(sqlite: Storage) -> None:
    run = await begin(sqlite, "a", RESUMABLE)
    here, at_end = await sqlite.events.follow("a", 0), await sqlite.events.follow("a", END)
    sqlite.events.append("a", [("x", b"1")])
    await pragma(sqlite, f"max_page_count = {await pragma(sqlite, 'page_count') + 4}")
    sqlite.events.append("a", [("big", b"x" * 100_000)])
    sqlite.events.append("a", [("y", b"2")])
    assert [event.seq for event in await seen(here)] == [1]  # an event that was seen must be found again
    assert sqlite.events.full("a")
    ending = asyncio.ensure_future(end(sqlite, run))
    await asyncio.sleep(0.1)
    assert not ending.done()
    await pragma(sqlite, "max_page_count = 1000000")
    await ending
    everything = [("x", 1), ("big", 2), ("y", 3)]
    assert [(event.name, event.seq) for event in await all_seen(here)] == everything[1:]
    assert await all_seen(at_end) == []
    replayed = [(event.name, event.seq) for event in await all_seen(await sqlite.events.follow("a", 0))]
    assert replayed and replayed == everything[-len(replayed) :]  # as much as fits the buffer


async def test_events_that_never_found_room_are_not_said_to_be_written(sqlite: Storage) -> None:
    await begin(sqlite, "a", RESUMABLE)
    await pragma(sqlite, f"max_page_count = {await pragma(sqlite, 'page_count') + 4}")
    sqlite.events.append("a", [("big", b"x" * 100_000)])
    written = asyncio.ensure_future(sqlite.events.written("a"))
    await asyncio.sleep(0.1)
    assert not written.done()
    sqlite.events.close_all()
    assert await written is False


async def test_the_events_of_an_ended_run_go_after_their_time_and_before_the_run(
    sqlite: Storage, path: Path, clock: Clock
) -> None:
    for kwargs, run_id in ((RESUMABLE, "temporary"), (replace(RESUMABLE, temporary=False), "kept")):
        run = await begin(sqlite, run_id, kwargs)
        sqlite.events.append(run_id, [("x", b"1")])
        await end(sqlite, run)
    assert await sqlite.runs.sweep() == ([], 1000 + RESUMABLE_TTL)
    clock.now += RESUMABLE_TTL
    assert await sqlite.runs.sweep() == ([], 1000 + RUN_TTL)
    assert count(path, "count(*) FROM events") == count(path, "count(*) FROM event_expiry") == 0
    for run_id in ("temporary", "kept"):
        assert await sqlite.runs.get(run_id) is not None
        assert await all_seen(await sqlite.events.follow(run_id, 0)) == []


async def test_the_events_of_any_number_of_runs_go_in_one_sweep(sqlite: Storage, path: Path, clock: Clock) -> None:
    for number in range(120):
        run = await begin(sqlite, str(number), replace(RESUMABLE, temporary=False))
        sqlite.events.append(run.run_id, [("x", b"1")])
        await end(sqlite, run)
    clock.now += RESUMABLE_TTL
    assert await sqlite.runs.sweep() == ([], None)
    assert count(path, "count(*) FROM events") == count(path, "count(*) FROM event_expiry") == 0


async def live(storage: Storage, clock: Clock, generation: int) -> None:
    """Runs of every kind come and go, by every way out."""
    kinds = (RESUMABLE, TEMPORARY)
    runs = [record(f"{generation} {number}", kwargs=kinds[number % 2]) for number in range(30)]
    await storage.runs.add(runs)
    for run in await storage.runs.claim(20):
        await storage.events.open(run)
        (await storage.events.follow(run.run_id, 0)).close()
        storage.events.append(run.run_id, [("values", b"x" * 300)] * 10)
        if run.run_id.endswith("3"):
            await storage.runs.remove(run.run_id)
            storage.events.drop(run.run_id)
        else:
            await end(storage, run, Outcome("success", values=b"y" * 500))
    for run in await storage.runs.find(status="pending"):
        await storage.runs.cancel_pending(run.run_id, ending(Outcome("interrupted", cancelled=b"{}")))
    await storage.runs.remove(f"{generation} 29")
    clock.now += RUN_TTL
    await storage.runs.sweep()


async def test_nothing_grows_however_many_runs_come_and_go(sqlite: Storage, path: Path, clock: Clock) -> None:
    pages = []
    for generation in range(12):
        await live(sqlite, clock, generation)
        for table in ("runs", "events", "event_expiry", "readers"):
            assert count(path, f"count(*) FROM {table}") == 0, table
        assert count(path, "ended_bytes FROM totals") == 0
        pages.append(await pragma(sqlite, "page_count"))
    assert max(pages[2:]) <= pages[2]


async def test_the_total_of_what_ended_runs_take_is_exact(path: Path, clock: Clock) -> None:
    async with opened(f"sqlite:///{path}", clock, run_retention_bytes=50_000) as storage:
        for number in range(100):
            name = f"run {number}"
            kwargs = KEPT if number % 3 == 0 else RESUMABLE
            await storage.runs.add([claimed(name, kwargs=kwargs), record(f"not {name}")])
            await storage.runs.settle(name, "token", ending(Outcome("success", values=b"x" * 37 * number)))
            if number % 4 == 0:
                await storage.runs.cancel_pending(f"not {name}", ending(Outcome("interrupted", cancelled=b"{}")))
            if number % 7 == 0:
                await storage.runs.remove(name)
            if number % 10 == 0:
                await storage.runs.sweep()
            total = count(path, "coalesce(sum(size), 0) FROM runs WHERE expires_at IS NOT NULL")
            assert count(path, "ended_bytes FROM totals") == total
        await storage.runs.sweep()
        assert 0 < count(path, "ended_bytes FROM totals") <= 50_000


ODD: dict[str, Any] = {
    "big": [2**63, -(2**64), 10**400, 2**53 + 1],
    "text": "nul \x00, newline \n, line separator \u2028, beyond the plane 🦜 \U0010ffff, quote \" ' \\ \\u0000",
    "\x00🦜": {"": [None, True, 1.5, -0.0, 1e300, "", [], {}]},
    "deep": [[[[{"a": [1]}]]]],
}


async def test_what_a_run_was_asked_comes_back_exactly(path: Path, clock: Clock) -> None:
    run = record(
        "run 🦜", thread_id="thread \x00", kwargs=replace(KEPT, input=ODD), metadata=ODD, multitask_strategy=ODD["text"]
    )
    kept = thread(run.thread_id, metadata=ODD, config={"configurable": ODD}, graph_config=ODD)
    async with opened(f"sqlite:///{path}", clock) as storage:
        await storage.runs.add([run], [kept])
    async with opened(f"sqlite:///{path}", clock) as storage:
        found, thread_found = await storage.runs.get("run 🦜"), await storage.threads.get("thread \x00")
        assert found is not None and thread_found == kept
        assert (found.kwargs, found.metadata, found.thread_id) == (run.kwargs, run.metadata, run.thread_id)
        assert found.multitask_strategy == run.multitask_strategy
        assert [type(number) for number in found.kwargs.input["big"]] == [int] * 4
        assert [each.run_id for each in await storage.runs.find(thread_id="thread \x00")] == ["run 🦜"]


async def test_outcomes_and_events_come_back_byte_for_byte(path: Path, clock: Clock) -> None:
    parts = (bytes(range(256)), b"", b"\x00", "🦜".encode())
    outcome = Outcome("error", *parts, 1000.123456789)
    events = [Event(number, f"values|node:🦜\x00{number}", part) for number, part in enumerate(parts, 1)]
    async with opened(f"sqlite:///{path}", clock) as storage:
        run = await begin(storage, "a", RESUMABLE)
        storage.events.append("a", [(event.name, event.data) for event in events])
        await end(storage, run, outcome)
    async with opened(f"sqlite:///{path}", clock) as storage:
        found = await storage.runs.get("a")
        assert found is not None and found.outcome == outcome
        assert await all_seen(await storage.events.follow("a", 0)) == events


async def test_closing_writes_what_was_submitted_before(path: Path, clock: Clock) -> None:
    storage = await store(f"sqlite:///{path}", clock)
    await storage.runs.add([claimed("a", kwargs=RESUMABLE)])
    run = await storage.runs.get("a")
    assert run is not None
    await storage.events.open(run)
    adding = [asyncio.ensure_future(storage.runs.add([record(f"run {number}")])) for number in range(1000)]
    await asyncio.sleep(0)
    storage.events.append("a", [("x", str(number).encode()) for number in range(100)])
    await storage.close()
    assert count(path, "count(*) FROM runs") == 1001
    assert count(path, "max(seq) FROM events") == 100
    await asyncio.gather(*adding)  # each caller that waited has its answer


async def test_a_closed_store_refuses_at_once(sqlite: Storage) -> None:
    await sqlite.runs.add([record("a")])
    await sqlite.close()
    calls = (sqlite.runs.add([record("b")]), sqlite.runs.claim(1), sqlite.runs.get("a"), sqlite.runs.sweep())
    async with asyncio.timeout(DEADLINE):
        for call in calls:
            with pytest.raises(StorageUnavailable):
                await call
    await sqlite.close()
