"""Items, by the SDK's methods with every argument that they have."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from langgraph_sdk.client import SyncLangGraphClient
from langgraph_sdk.errors import UnprocessableEntityError

from tests.live import GRAPHS, LiveServer, serving


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server with an index."""
    with serving(GRAPHS.with_name("storing.json")) as live:
        yield live


@pytest.fixture
def space() -> tuple[str, str]:
    """A namespace that no other test has."""
    return ("users", str(uuid4()))


def test_an_item_is_put_got_and_deleted(sdk: SyncLangGraphClient, space: tuple[str, str]) -> None:
    assert sdk.store.get_item(space, key="theme") is None
    sdk.store.put_item(space, key="theme", value={"dark": True}, ttl=5, index=False)
    item: Any = sdk.store.get_item(space, key="theme", refresh_ttl=True)
    assert (item["namespace"], item["key"], item["value"]) == (list(space), "theme", {"dark": True})
    assert item["created_at"] == item["updated_at"]
    sdk.store.delete_item(space, key="theme")
    assert sdk.store.get_item(space, "theme") is None


def test_items_are_searched(sdk: SyncLangGraphClient, space: tuple[str, str]) -> None:
    for key, text in (("coast", "sea town"), ("alps", "hill"), ("port", "sea")):
        sdk.store.put_item(space, key, {"text": text, "size": len(text)}, index=["text"])
    found: Any = sdk.store.search_items(space, query="sea", limit=2, refresh_ttl=False)
    assert [(item["key"], round(item["score"], 2)) for item in found["items"]] == [("port", 1.0), ("coast", 0.71)]
    found = sdk.store.search_items(space, filter={"size": {"$gt": 3}}, limit=10, offset=1)
    assert [item["key"] for item in found["items"]] == ["coast"]
    assert {item["key"] for item in sdk.store.search_items(("users",), limit=1000)["items"]} >= {
        "coast",
        "alps",
        "port",
    }


def test_namespaces_are_listed(sdk: SyncLangGraphClient, space: tuple[str, str]) -> None:
    for name in ("a", "b"):
        sdk.store.put_item((*space, name, "deep"), "k", {})
    listed = sdk.store.list_namespaces(prefix=list(space), suffix=["deep"], max_depth=3, limit=1, offset=1)
    assert listed == {"namespaces": [[*space, "b"]]}
    assert sdk.store.list_namespaces(prefix=list(space))["namespaces"] == [[*space, name, "deep"] for name in "ab"]


def test_what_cannot_be_stored_is_refused(sdk: SyncLangGraphClient) -> None:
    with pytest.raises(UnprocessableEntityError, match="langgraph"):
        sdk.store.put_item(("langgraph",), "k", {})
    with pytest.raises(UnprocessableEntityError, match="ttl"):
        sdk.store.put_item(("a",), "k", {}, ttl=-1)
    with pytest.raises(UnprocessableEntityError, match="filter"):
        sdk.store.search_items((), filter={"a b": 1})
