"""The promises of AssistantStore, and of ThreadStore about assistants, tested with every backend."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from tests.storage.stores import Clock, opened, processes, rows
from treadle.errors import AssistantsFull, InvalidRequest
from treadle.storage.contract.assistants import MOST_VERSIONS, AssistantQuery, AssistantRecord, Change
from treadle.storage.contract.store import Storage
from treadle.storage.contract.threads import ThreadRecord

pytestmark = pytest.mark.anyio


def assistant(assistant_id: str = "a", **changes: Any) -> AssistantRecord:
    """An assistant that was just made."""
    return replace(AssistantRecord(assistant_id, "graph", "Name", None, {}, {}, {}, 1000.0, 1000.0), **changes)


def named(name: str, at: float = 2000.0) -> Change:
    """A change of the name."""
    return lambda before: replace(before, name=name, updated_at=at)


async def current(storage: Storage, assistant_id: str = "a") -> AssistantRecord:
    found = await storage.assistants.get(assistant_id)
    assert found is not None
    return found


async def test_an_assistant_is_added_once_and_whole(storage: Storage) -> None:
    whole = assistant(
        description="",
        config={"tags": ["t"], "configurable": {"a": None}},
        context={"a": None},
        metadata={"ä": [1.5, True]},
    )
    assert await storage.assistants.get("a") is None
    assert await storage.assistants.add(whole)
    assert not await storage.assistants.add(assistant(name="Other"))
    assert await current(storage) == whole
    assert await storage.assistants.versions("a") == [whole]


async def test_no_more_are_kept_than_may_be(anywhere: str, clock: Clock) -> None:
    async with opened(anywhere, clock, max_assistants=2) as storage:
        store = storage.assistants
        assert await store.add(assistant("a")) and await store.add(assistant("b"))
        assert not await store.add(assistant("a"))
        with pytest.raises(AssistantsFull):
            await store.add(assistant("c"))
        with pytest.raises(AssistantsFull):
            await store.change("c", named("New"), assistant("c"))
        assert await store.get("c") is None and await store.versions("c") == []
        assert (await current(storage)).name == "Name"
        changed = await store.change("a", named("New"))
        assert changed is not None and changed.name == "New"
        assert await store.remove("b") and await store.add(assistant("c"))


async def test_a_change_makes_the_next_version_the_current_one(storage: Storage) -> None:
    await storage.assistants.add(assistant(metadata={"a": 1}))
    second = await storage.assistants.change("a", named("Second"))
    assert second == assistant(name="Second", metadata={"a": 1}, updated_at=2000.0, version=2)
    assert await current(storage) == second
    third = await storage.assistants.change("a", lambda before: replace(before, graph_id="other", version=99))
    assert third == replace(second, graph_id="other", version=3)


async def test_what_is_not_kept_begins_as_its_original_if_there_is_one(storage: Storage) -> None:
    assert await storage.assistants.change("a", named("Second")) is None
    assert await storage.assistants.get("a") is None
    original = assistant(name="First")
    second = await storage.assistants.change("a", named("Second"), original)
    assert second == replace(original, name="Second", updated_at=2000.0, version=2)
    assert [each.name for each in await storage.assistants.versions("a")] == ["Second", "First"]
    third = await storage.assistants.change("a", named("Third"), assistant(name="no more"))
    assert third is not None and (third.name, third.version) == ("Third", 3)


@pytest.mark.parametrize("original", [None, assistant()], ids=["kept", "original"])
async def test_a_refused_change_changes_nothing(storage: Storage, original: AssistantRecord | None) -> None:
    """Nor does it disturb what is written at the same time."""

    def refuse(before: AssistantRecord) -> AssistantRecord:
        raise InvalidRequest("no")

    if original is None:
        await storage.assistants.add(assistant())
    before = await storage.assistants.get("a")
    refused, added = await asyncio.gather(
        storage.assistants.change("a", refuse, original),
        storage.assistants.add(assistant("b")),
        return_exceptions=True,
    )
    assert isinstance(refused, InvalidRequest) and added is True
    assert await storage.assistants.get("a") == before
    assert len(await storage.assistants.versions("a")) == (1 if original is None else 0)


async def test_concurrent_changes_follow_one_another(storage: Storage) -> None:
    await storage.assistants.add(assistant(metadata={"n": 0}))

    def more(before: AssistantRecord) -> AssistantRecord:
        return replace(before, metadata={"n": before.metadata["n"] + 1})

    made = await asyncio.gather(*(storage.assistants.change("a", more) for _ in range(50)))
    found = sorted((each.version, each.metadata["n"]) for each in made if each is not None)
    assert found == [(n + 1, n) for n in range(1, 51)]
    assert (await current(storage)).version == 51


# Versions


async def test_a_version_has_the_time_at_which_it_was_made(storage: Storage) -> None:
    await storage.assistants.add(assistant())
    await storage.assistants.change("a", named("Second", at=2000.0))
    versions = await storage.assistants.versions("a")
    assert [(each.version, each.created_at, each.updated_at) for each in versions] == [
        (2, 2000.0, 2000.0),
        (1, 1000.0, 1000.0),
    ]
    assert await storage.assistants.versions("b") == []


async def test_an_earlier_version_becomes_the_current_one(storage: Storage) -> None:
    await storage.assistants.add(assistant(name="First"))
    await storage.assistants.change("a", named("Second"))
    first = await storage.assistants.select("a", 1, 3000.0)
    assert first == assistant(name="First", updated_at=3000.0)
    assert await current(storage) == first
    assert [each.name for each in await storage.assistants.versions("a")] == ["Second", "First"]
    third = await storage.assistants.change("a", lambda before: before)
    assert third is not None and (third.name, third.version) == ("First", 3)


async def test_a_version_that_is_not_kept_cannot_be_selected(storage: Storage) -> None:
    await storage.assistants.add(assistant())
    for version in (2, 0, -1, 2**63, -(2**64), 10**30):
        assert await storage.assistants.select("a", version, 3000.0) is None
    assert await storage.assistants.select("b", 1, 3000.0) is None
    assert await current(storage) == assistant()


async def test_the_newest_versions_are_kept_and_the_current_one_in_any_case(storage: Storage) -> None:
    await storage.assistants.add(assistant())
    for number in range(2, MOST_VERSIONS + 1):
        await storage.assistants.change("a", named(str(number)))
    versions = [each.version for each in await storage.assistants.versions("a")]
    assert versions == list(range(MOST_VERSIONS, 0, -1))
    assert await storage.assistants.select("a", 1, 3000.0)
    assert (await current(storage)).version == 1
    changed = await storage.assistants.change("a", named("more"))
    assert changed == await current(storage) and changed.version == MOST_VERSIONS + 1
    versions = [each.version for each in await storage.assistants.versions("a")]
    assert versions == list(range(MOST_VERSIONS + 1, 1, -1))
    assert await storage.assistants.select("a", 1, 3000.0) is None


# Removed, and kept


async def test_a_removed_assistant_is_gone_with_its_versions(storage: Storage) -> None:
    await storage.assistants.add(assistant())
    await storage.assistants.change("a", named("Second"))
    assert await storage.assistants.remove("a")
    assert not await storage.assistants.remove("a")
    assert await storage.assistants.get("a") is None
    assert await storage.assistants.versions("a") == await storage.assistants.find(AssistantQuery()) == []
    assert await storage.assistants.add(assistant(name="Again"))
    assert [each.name for each in await storage.assistants.versions("a")] == ["Again"]


async def test_assistants_are_still_there_when_the_store_is_opened_again(shared: str, clock: Clock) -> None:
    async with opened(shared, clock) as storage:
        await storage.assistants.add(assistant(context={"a": 1}))
        await storage.assistants.change("a", named("Second"))
        await storage.assistants.select("a", 1, 3000.0)
    async with opened(shared, clock) as storage:
        assert await current(storage) == assistant(context={"a": 1}, updated_at=3000.0)
        assert [each.name for each in await storage.assistants.versions("a")] == ["Second", "Name"]
        await storage.assistants.remove("a")
    assert rows(shared, "assistants") == rows(shared, "assistant_versions") == 0


async def test_each_process_sees_the_assistants_of_the_others(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        assert await one.assistants.add(assistant())
        assert not await other.assistants.add(assistant())
        changes = (store.assistants.change("a", lambda before: before) for _ in range(10) for store in (one, other))
        made = await asyncio.gather(*changes)
        assert sorted(each.version for each in made if each) == list(range(2, 22))
        assert await current(one) == await current(other)
        assert await one.assistants.select("a", 3, 3000.0) == await current(other)
        assert await other.assistants.remove("a")
        assert await one.assistants.get("a") is None and await one.assistants.find(AssistantQuery()) == []


async def test_the_original_is_added_by_one_process_only(shared: str, clock: Clock) -> None:
    async with processes(shared, clock) as (one, other):
        stores = (one, other)
        await asyncio.gather(*(each.assistants.change("a", lambda before: before, assistant()) for each in stores))
        assert [each.version for each in await one.assistants.versions("a")] == [3, 2, 1]


async def test_threads_are_found_by_their_assistant(storage: Storage, clock: Clock) -> None:
    for thread_id, metadata in (("one", {"assistant_id": "a"}), ("two", {"assistant_id": "b"}), ("three", {})):
        await storage.threads.add(ThreadRecord(thread_id, "graph", metadata, {}, {}, 1000.0, 1000.0, 1000.0))
    await storage.threads.add(ThreadRecord("four", None, {"assistant_id": "a", "x": 1}, {}, {}, 1.0, 1.0, 1.0))
    assert sorted(await storage.threads.of_assistant("a")) == ["four", "one"]
    assert await storage.threads.of_assistant("c") == []
    await storage.threads.remove("one")
    assert await storage.threads.of_assistant("a") == ["four"]
