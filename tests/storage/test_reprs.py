"""Records, followers and stores as a debugger and a failing test show them."""

from __future__ import annotations

import pytest

from tests.storage.stores import begin, end, record
from treadle.storage.contract.events import END
from treadle.storage.contract.runs import RunKwargs
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio


def test_a_run_shows_its_state_and_nothing_of_its_input() -> None:
    run = record("a", kwargs=RunKwargs(input={"secret": "x" * 10_000}))
    assert repr(run) == "<RunRecord a graph='graph' pending attempt=0>"


async def test_a_follower_shows_how_far_it_is(storage: Storage) -> None:
    run = await begin(storage, "a")
    reader, at_end = await storage.events.follow("a", 0), await storage.events.follow("a", END)
    storage.events.append("a", [("x", b"1"), ("y", b"2")])
    await storage.events.written("a")
    await reader.next()
    assert repr(reader).endswith("Follower open after event 2>")
    await end(storage, run)
    assert not await at_end.next()
    assert repr(at_end).endswith("Follower ended at the end>")


async def test_a_store_shows_its_kind(storage: Storage) -> None:
    assert repr(storage) in (
        "<Storage MemoryRunStore in memory>",
        "<Storage SqliteRunStore durable>",
        "<Storage PostgresRunStore durable>",
    )
