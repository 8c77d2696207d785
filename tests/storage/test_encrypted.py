"""Stores that encrypt keep the promises of stores, though handlers take their time."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from langgraph_sdk import Encryption, EncryptionContext

from tests.storage.stores import (
    RESUMABLE,
    SHARED,
    Clock,
    all_seen,
    begin,
    end,
    record,
    seen_after_give_back,
    settings_of,
)
from treadle.encryption.handlers import Handlers
from treadle.encryption.sealing import Sealing
from treadle.encryption.storage import open_encrypted
from treadle.graphs.event_loops import GraphLoops
from treadle.settings import Settings
from treadle.storage.contract.assistants import AssistantRecord
from treadle.storage.contract.events import Event
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio
KEY = 0x5A


def slow() -> Encryption:
    """Handlers that take a while, each time another one."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        vault = Encryption()
    calls = 0

    async def turned(ctx: EncryptionContext, blob: bytes) -> bytes:
        nonlocal calls
        calls += 1
        await asyncio.sleep((calls * 7 % 5) / 500)
        return bytes(byte ^ KEY for byte in blob)

    vault.encrypt.blob(turned)
    vault.decrypt.blob(turned)
    return vault


@pytest.fixture
async def storage(anywhere: str, clock: Clock) -> AsyncIterator[Storage]:
    """A store of any kind that encrypts."""
    loops = GraphLoops(4, isolated=False)
    loops.start()
    try:
        sealing = Sealing(Handlers(slow(), loops.home))
        opened = await open_encrypted(settings_of(anywhere, lease=15.0), ["graph"], clock, sealing)
        yield opened
        await opened.close()
    finally:
        loops.stop()


@pytest.mark.parametrize("anywhere", SHARED, indirect=True)
async def test_what_is_appended_before_a_run_is_given_back_is_kept(storage: Storage) -> None:
    assert await seen_after_give_back(storage) == [Event(1, "x", b"1"), Event(2, "y", b"2")]


async def test_events_keep_their_order(storage: Storage) -> None:
    run = await begin(storage, "a", RESUMABLE)
    for number in range(100):
        storage.events.append("a", [("x", b"%d" % number)])
        await asyncio.sleep(0.0005)
    await end(storage, run)
    events = await all_seen(await storage.events.follow("a", 0))
    assert [event.data for event in events] == [b"%d" % number for number in range(100)]


async def test_concurrent_changes_follow_one_another(storage: Storage) -> None:
    first = AssistantRecord("a", "graph", "a", None, {}, {}, {"n": 0}, 1000.0, 1000.0)

    def more(before: AssistantRecord) -> AssistantRecord:
        return replace(before, metadata={"n": before.metadata["n"] + 1})

    made = await asyncio.gather(*(storage.assistants.change("a", more, first) for _ in range(20)))
    assert [each and (each.version, each.metadata["n"]) for each in made] == [(n + 1, n) for n in range(1, 21)]


async def test_closing_writes_what_was_appended_before(clock: Clock, tmp_path: Path) -> None:
    loops = GraphLoops(4, isolated=False)
    loops.start()
    settings = Settings(database_uri=f"sqlite:///{tmp_path}/runs.db")
    sealing = Sealing(Handlers(slow(), loops.home))
    opened = await open_encrypted(settings, ["graph"], clock, sealing)
    await begin(opened, "a", RESUMABLE)
    opened.events.append("a", [("x", b"1")])
    await opened.runs.add([record("b")])
    await opened.close()
    opened = await open_encrypted(settings, ["graph"], clock, sealing)
    follower = await opened.events.follow("a", 0)
    assert [event.data for event in await follower.next()] == [b"1"]
    follower.close()
    await opened.close()
    loops.stop()
