"""What AssistantStore promises about searches, tested with every backend."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.storage.test_assistants import assistant, named
from treadle.storage.contract.assistants import AssistantQuery
from treadle.storage.contract.store import Storage

pytestmark = pytest.mark.anyio


async def found(storage: Storage, most: int | None = None, **query: Any) -> list[str]:
    """The ids of the assistants that fit, which are as many as are counted."""
    asked = AssistantQuery(**query)
    ids = [record.assistant_id for record in await storage.assistants.find(asked, most)]
    assert most is not None or await storage.assistants.count(asked) == len(ids)
    return ids


async def test_the_newest_are_found_first_and_only_as_many_as_are_wanted(storage: Storage) -> None:
    for assistant_id, at in (("a", 1.0), ("c", 2.0), ("b", 2.0), ("d", 0.5)):
        await storage.assistants.add(assistant(assistant_id, created_at=at))
    assert await found(storage) == ["c", "b", "a", "d"]
    assert await found(storage, ascending=True) == ["d", "a", "b", "c"]
    assert await found(storage, most=2) == ["c", "b"]


@pytest.mark.parametrize(
    ("key", "values"),
    [
        ("name", ["alpha", "Beta", "gamma", "ÄRGER", "äther", "Éa"]),
        ("graph_id", ["alpha", "Beta", "gamma"]),
        ("created_at", [1.0, 2.0, 10.0]),
        ("updated_at", [1.0, 2.0, 10.0]),
        ("assistant_id", ["a", "b", "c"]),
    ],
)
async def test_texts_are_in_order_without_regard_to_case(storage: Storage, key: Any, values: list[Any]) -> None:
    for number, value in enumerate(reversed(values)):
        await storage.assistants.add(replace(assistant(f"id-{number}"), **{key: value}))
    for ascending in (True, False):
        query = AssistantQuery(sort_by=key, ascending=ascending)
        inorder = [getattr(record, key) for record in await storage.assistants.find(query)]
        assert inorder == (values if ascending else values[::-1])


async def test_equal_texts_are_in_the_order_of_their_ids(storage: Storage) -> None:
    for assistant_id, name in (("b", "SAME"), ("a", "same"), ("c", "Same")):
        await storage.assistants.add(assistant(assistant_id, name=name))
    assert await found(storage, sort_by="name", ascending=True) == ["a", "b", "c"]
    assert await found(storage, sort_by="name") == ["c", "b", "a"]


@pytest.mark.parametrize(
    ("name", "part", "fits"),
    [
        ("The Named", "NAMED", True),
        ("The Named", "", True),
        ("ÄRGER in Straße", "ärger", True),
        ("ÄRGER in Straße", "STRASSE", True),
        ("İstanbul 漢字", "漢", True),
        ("100%", "0%", True),
        ("100%", "1%0", False),
        ("a_b", "a?b", False),
        ("it's", "T'S", True),
    ],
)
async def test_a_part_of_a_name_is_found_in_any_case(storage: Storage, name: str, part: str, fits: bool) -> None:
    await storage.assistants.add(assistant(name=name))
    assert await found(storage, name=part) == ["a"] * fits


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        ({}, True),
        ({"one": 1}, True),
        ({"one": 1, "yes": True}, True),
        ({"one": True}, False),
        ({"yes": 1}, False),
        ({"zero": False}, False),
        ({"none": None}, True),
        ({"missing": None}, False),
        ({"inner": {"b": [1, 2], "a": 0}}, True),
        ({"inner": {"a": 0}}, False),
        ({"inner": {"a": False, "b": [1, 2]}}, False),
        ({"inner": {"a": 0, "b": [True, 2]}}, False),
        ({"one": "1"}, False),
        ({"one": 1.0}, True),
    ],
)
async def test_metadata_fits_if_it_has_all_that_is_wanted(storage: Storage, wanted: Any, fits: bool) -> None:
    """Values are compared as JSON has them: 1 is not true."""
    has = {"one": 1, "yes": True, "zero": 0, "none": None, "inner": {"a": 0, "b": [1, 2]}}
    await storage.assistants.add(assistant(metadata=has))
    assert await found(storage, metadata=wanted) == ["a"] * fits


async def test_conditions_add_up(storage: Storage) -> None:
    for assistant_id, graph_id, name in (("a", "graph", "One"), ("b", "graph", "Two"), ("c", "other", "One")):
        await storage.assistants.add(
            assistant(assistant_id, graph_id=graph_id, name=name, metadata={"id": assistant_id})
        )
    assert await found(storage, graph_id="graph") == ["b", "a"]
    assert await found(storage, graph_id="graph", name="one") == ["a"]
    assert await found(storage, graph_id="graph", name="one", metadata={"id": "c"}) == []
    assert await found(storage, name="one", admits=lambda metadata: metadata["id"] != "a") == ["c"]
    assert await found(storage, most=1, admits=lambda metadata: metadata["id"] == "a") == ["a"]
    assert await found(storage, graph_id="GRAPH") == []


async def test_an_assistant_is_found_by_its_current_version(storage: Storage) -> None:
    await storage.assistants.add(assistant(name="First"))
    await storage.assistants.change("a", named("Second"))
    assert await found(storage, name="first") == [] and await found(storage, name="second") == ["a"]
    await storage.assistants.select("a", 1, 3000.0)
    assert await found(storage, name="first") == ["a"] and await found(storage, name="second") == []


async def test_a_character_that_a_database_cannot_hold_finds_nothing(storage: Storage) -> None:
    await storage.assistants.add(assistant("a"))
    assert await found(storage, name="\0") == await found(storage, graph_id="\0") == []
