"""Items of every kind of store: what they promise beyond LangGraph's own, wherever they are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from langgraph.store.base import GetOp, ListNamespacesOp, PutOp, SearchOp

from tests.databases import POSTGRES_PARAM
from tests.live import until
from tests.storage.places import places
from treadle.graphs.items import ItemStore, open_items

KINDS = ["memory", "sqlite", POSTGRES_PARAM]
pytestmark = pytest.mark.anyio


@pytest.fixture(params=KINDS)
def items(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ItemStore]:
    """A store of any kind."""
    with places(request.param, tmp_path / "items.db") as place:
        opened = open_items(place)
        yield opened
        opened.close()


@pytest.fixture(params=KINDS[1:])
def shared(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[list[ItemStore]]:
    """One store as four processes have it."""
    with places(request.param, tmp_path / "items.db") as place:
        opened = [open_items(place, ttl={"refresh_on_read": True}) for _ in range(4)]
        yield opened
        for each in opened:
            each.close()


def value(items: ItemStore, namespace: tuple[str, ...], key: str) -> Any:
    item = items.get(namespace, key)
    return None if item is None else item.value


def found(items: ItemStore, prefix: tuple[str, ...], **options: Any) -> list[str]:
    return [item.key for item in items.search(prefix, **options)]


def test_an_item_that_is_put_again_keeps_its_time_of_creation(items: ItemStore) -> None:
    items.put(("a",), "k", {"n": 1})
    first = items.get(("a",), "k")
    time.sleep(0.01)
    items.put(("a",), "k", {"n": 2})
    second = items.get(("a",), "k")
    assert first is not None and second is not None
    assert second.value == {"n": 2}
    assert second.created_at == first.created_at <= first.updated_at < second.updated_at
    assert second.updated_at.tzinfo is not None


def test_reads_of_a_batch_come_before_its_writes(items: ItemStore) -> None:
    items.put(("a",), "k", {"n": 1})
    results = items.batch(
        [
            PutOp(("b",), "k", {"n": 3}),
            PutOp(("a",), "k", {"n": 2}),
            GetOp(("a",), "k"),
            PutOp(("a",), "other", None),
            SearchOp(("b",)),
            ListNamespacesOp(),
        ]
    )
    assert [results[0], results[1], results[3], results[4], results[5]] == [None, None, None, [], [("a",)]]
    assert results[2].value == {"n": 1}  # type: ignore[union-attr]
    assert (value(items, ("a",), "k"), value(items, ("b",), "k")) == ({"n": 2}, {"n": 3})


def test_a_batch_of_writes_that_fails_writes_nothing(items: ItemStore) -> None:
    items.put(("a",), "k", {"n": 1})
    with pytest.raises(ValueError):
        items.batch([PutOp(("a",), "k", None), PutOp(("a",), "\ud800", {"n": 2})])
    assert value(items, ("a",), "k") == {"n": 1}


@pytest.mark.parametrize(
    "kept",
    [
        {"n": 2**62, "f": 1e300, "g": 0.1, "t": "ü\u2028\\", "b": True, "none": None, "l": [1, [2]], "o": {"": {}}},
        {str(n): n for n in range(1000)},
    ],
    ids=["odd", "wide"],
)
def test_values_come_back(items: ItemStore, kept: dict[str, Any]) -> None:
    items.put(("a",), "k", kept)
    assert value(items, ("a",), "k") == kept


def test_what_json_lacks_is_null(items: ItemStore) -> None:
    items.put(("a",), "k", {"n": float("nan")})
    assert value(items, ("a",), "k") == {"n": None}


@pytest.mark.parametrize("bad", [{"n": 2**64}, {"a": "\ud800"}, {"a": object()}], ids=["long", "half", "object"])
def test_what_cannot_be_written_is_an_error_of_the_value(items: ItemStore, bad: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError, OverflowError)):
        items.put(("a",), "k", bad)
    assert value(items, ("a",), "k") is None


CONDITIONS: list[tuple[Any, list[str]]] = [
    ({"n": 1}, ["one"]),
    ({"n": 1.0}, ["one"]),
    ({"n": {"$gt": 2}}, ["ten"]),
    ({"n": {"$gte": 2, "$lt": 10}}, ["two"]),
    ({"n": {"$ne": 2}}, ["one", "ten"]),
    ({"word": {"$lte": "b"}}, ["one", "two"]),
    ({"word": "b", "n": 1}, []),
    ({"word": None}, ["none", "ten"]),
    ({"word": {"$ne": None}}, ["one", "two"]),
    ({"flag": True}, ["one"]),
    ({"flag": False}, ["two"]),
    ({"inner.x-y": 5}, ["ten"]),
    ({}, ["none", "one", "ten", "two"]),
]


@pytest.mark.parametrize(("condition", "keys"), CONDITIONS, ids=[repr(condition) for condition, _ in CONDITIONS])
def test_a_search_by_conditions(items: ItemStore, condition: Any, keys: list[str]) -> None:
    items.put(("a",), "one", {"n": 1, "word": "a", "flag": True})
    items.put(("a",), "two", {"n": 2, "word": "b", "flag": False})
    items.put(("a",), "ten", {"n": 10, "word": None, "inner": {"x-y": 5}})
    items.put(("a",), "none", {})
    items.put(("ab",), "other", {"n": 1})
    assert sorted(found(items, ("a",), filter=condition)) == keys


@pytest.mark.parametrize("bad", [{"a b": 1}, {"a": {"$in": [1]}}, {"'": 1}], ids=repr)
def test_a_condition_that_is_none(items: ItemStore, bad: Any) -> None:
    items.put(("a",), "k", {})
    with pytest.raises((ValueError, TypeError)):
        items.search(("a",), filter=bad)


def test_the_items_changed_last_come_first_and_namespaces_in_their_order(items: ItemStore) -> None:
    for name in ("b", "a", "B", "a-b", "ä", "a_b"):
        items.put((name, "x"), name, {})
        time.sleep(0.002)
    assert found(items, (), limit=3) == ["a_b", "ä", "a-b"]
    assert found(items, (), limit=3, offset=3) == ["B", "a", "b"]
    assert items.list_namespaces(max_depth=1) == [("B",), ("a",), ("a-b",), ("a_b",), ("b",), ("ä",)]
    assert items.list_namespaces(prefix=("a",)) == [("a", "x")]
    assert found(items, ("a_b",)) == ["a_b"]


def test_an_item_lives_for_parts_of_a_minute_and_reading_renews_it(items: ItemStore) -> None:
    for key in ("brief", "read"):
        items.put((key,), key, {}, ttl=2 / 60)
    items.put(("kept",), "kept", {})
    end = time.monotonic() + 4
    while time.monotonic() < end:
        assert items.get(("read",), "read", refresh_ttl=True) is not None
        time.sleep(0.1)
    assert items.get(("brief",), "brief") is None
    assert sorted(found(items, ())) == ["kept", "read"]
    assert items.list_namespaces() == [("kept",), ("read",)]


@pytest.mark.parametrize("minutes", [1e-300, 1e-7, 1e9])
def test_a_lifetime_may_be_as_short_or_as_long_as_the_contract_says(items: ItemStore, minutes: float) -> None:
    items.put(("a",), "k", {}, ttl=minutes)
    until(lambda: (items.get(("a",), "k") is None) == (minutes < 1))


def test_an_item_that_is_put_after_its_time_is_new(items: ItemStore) -> None:
    items.put(("a",), "k", {}, ttl=0.001)
    time.sleep(2)
    items.put(("a",), "other", {})
    limit = items.get(("a",), "other")
    items.put(("a",), "k", {})
    item = items.get(("a",), "k")
    assert item is not None and limit is not None and item.created_at >= limit.created_at


def test_many_processes_and_threads_lose_nothing(shared: list[ItemStore]) -> None:
    """From the first item on, which makes the tables. Batches name their items in no order."""

    def put(number: int) -> None:
        keys = [str((number * step) % 100) for step in (1, 7, 13)]
        shared[number % 4].batch([PutOp(("n", key), "k", {"by": number}) for key in [*keys, f"own{number}"]])

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(put, range(200)))
    assert len(found(shared[0], ("n",), limit=1000)) == len(found(shared[3], ("n",), limit=1000)) >= 200


async def test_any_loop_may_use_the_store(shared: list[ItemStore]) -> None:
    store = shared[0]

    async def put(key: str) -> Any:
        await store.aput(("a",), key, {"key": key})
        return (await store.aget(("a",), key)).value  # type: ignore[union-attr]

    async def many(name: str) -> list[Any]:
        return await asyncio.gather(*(put(f"{name}{n}") for n in range(20)))

    loops = [asyncio.to_thread(asyncio.run, many(name)) for name in "abc"]
    for name, values in zip("abcd", await asyncio.gather(*loops, many("d")), strict=True):
        assert values == [{"key": f"{name}{n}"} for n in range(20)]
