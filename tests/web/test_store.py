"""The operations on items: what is stored is found, by key, by namespace, by condition and by meaning."""

from __future__ import annotations

import json
import time
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import GRAPHS, serving
from tests.web.calls import accepted
from tests.web.storing import STORING, Json, get, keys, namespaces, put, search, server, space

__all__ = ["server", "space"]
shows = pytest.mark.shows


@shows("put_item", "namespace key value 204")
@shows("get_item", "namespace key 200")
def test_what_is_put_is_got(http: httpx.Client, space: list[str]) -> None:
    value = {
        "text": "ein Wört, 😀",
        "numbers": [1, 2.5, -(2**63), 2**64 - 1, None, True],
        "deep": {"a": [{}]},
    }
    put(http, [*space, "a,b", "ü *[]?"], "k ü/.,", value)
    item = get(http, [*space, "a,b", "ü *[]?"], "k ü/.,")
    assert item == {
        "namespace": [*space, "a,b", "ü *[]?"],
        "key": "k ü/.,",
        "value": value,
        "created_at": item["created_at"],
        "updated_at": item["created_at"],
    }
    made = datetime.fromisoformat(item["created_at"])
    assert abs(made.timestamp() - time.time()) < 300 and item["created_at"].endswith("+00:00")


def test_putting_again_changes_the_value_and_keeps_the_time_of_creation(http: httpx.Client, space: list[str]) -> None:
    put(http, space, "k", {"n": 1})
    before = get(http, space, "k")
    put(http, space, "k", {"n": 2})
    after = get(http, space, "k")
    assert after["value"] == {"n": 2}
    assert after["created_at"] == before["created_at"]
    assert after["updated_at"] >= before["updated_at"]


def test_an_item_that_is_not_there_is_null(http: httpx.Client, space: list[str]) -> None:
    put(http, space, "k", {})
    assert get(http, space, "other") is None
    assert get(http, [*space, "below"], "k") is None
    assert get(http, [], "k") is None
    assert accepted(http.get("/store/items", params={"key": "k"})).json() is None


@shows("get_item", "namespace")
def test_the_parts_of_a_namespace_may_come_one_by_one(http: httpx.Client, space: list[str]) -> None:
    put(http, [*space, "b", "c"], "k", {"n": 1})
    for query in ([*space, "b", "c"], [f"{space[0]}.b", "c"], [f"{space[0]}.b.c"]):
        assert accepted(http.get("/store/items", params={"namespace": query, "key": "k"})).json()["value"] == {"n": 1}


@shows("delete_item", "namespace key 204")
def test_a_deleted_item_is_gone(http: httpx.Client, space: list[str]) -> None:
    put(http, space, "k", {"text": "sea"})
    for _ in range(2):
        answer = http.request("DELETE", "/store/items", json={"namespace": space, "key": "k"})
        assert (answer.status_code, answer.content) == (204, b"")
        assert get(http, space, "k") is None
        assert search(http, namespace_prefix=space) == search(http, namespace_prefix=space, query="sea") == []
    put(http, space, "k", {"text": "hill"}, index=False)
    assert search(http, namespace_prefix=space, query="sea") == []  # its old vector is gone as well
    assert http.request("DELETE", "/store/items", json={"key": "k"}).status_code == 204


@shows("search_items", "namespace_prefix limit offset 200")
def test_a_search_finds_what_is_below_a_namespace(http: httpx.Client, space: list[str]) -> None:
    for name in ("a", "a-b", "A", "ab"):
        for number in range(2):
            put(http, [*space, name, str(number)], "k", {"name": name})
    put(http, [*space, "a"], "top", {"name": "a"})
    found = search(http, namespace_prefix=[*space, "a"])
    assert sorted(item["namespace"][1:] for item in found) == [["a"], ["a", "0"], ["a", "1"]]
    assert {tuple(item) for item in found} == {("namespace", "key", "value", "created_at", "updated_at", "score")}
    assert {item["score"] for item in found} == {None}
    everything = search(http, namespace_prefix=space, limit=100)
    assert len(everything) == 9
    assert everything == sorted(everything, key=lambda item: item["updated_at"], reverse=True)
    pages = [search(http, namespace_prefix=space, limit=4, offset=offset) for offset in (0, 4, 8, 12)]
    assert [len(page) for page in pages] == [4, 4, 1, 0]
    assert search(http, namespace_prefix=space, limit=0) == []
    assert search(http, namespace_prefix=None, limit=1000) == search(http, limit=1000)


@shows("search_items", "filter")
@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ({"n": 1}, ["one"]),
        ({"n": {"$gt": 1}}, ["three", "two"]),
        ({"n": {"$gte": 2, "$lt": 3}}, ["two"]),
        ({"n": {"$lte": 2}}, ["one", "two"]),
        ({"n": {"$ne": 2}}, ["one", "three"]),
        ({"word": {"$eq": "b"}}, ["two"]),
        ({"word": "b", "n": 1}, []),
        ({"flag": True}, ["one"]),
        ({"inner.x": 5}, ["three"]),
        ({}, ["one", "three", "two"]),
    ],
)
def test_a_search_by_conditions(http: httpx.Client, space: list[str], condition: Json, found: list[str]) -> None:
    put(http, space, "one", {"n": 1, "word": "a", "flag": True})
    put(http, space, "two", {"n": 2, "word": "b", "flag": False})
    put(http, space, "three", {"n": 3, "word": "c", "inner": {"x": 5}})
    assert sorted(keys(search(http, namespace_prefix=space, filter=condition))) == found


@shows("search_items", "query")
@shows("put_item", "index")
def test_a_search_by_meaning(http: httpx.Client, space: list[str]) -> None:
    put(http, space, "coast", {"text": "sea sea sea town"})
    put(http, space, "alps", {"text": "hill"})
    put(http, space, "port", {"text": "town sea"}, index=None)
    put(http, space, "hidden", {"text": "sea"}, index=False)
    put(http, space, "titled", {"title": "sea", "text": "hill"}, index=["title"])
    put(http, space, "other", {"words": 5})
    found = search(http, namespace_prefix=space, query="sea")
    assert keys(found)[:3] == ["titled", "coast", "port"]
    assert [round(item["score"], 3) for item in found[:3]] == [1.0, 0.949, 0.707]
    assert {"hidden", "other"} & set(keys(found)) == set()
    assert keys(search(http, namespace_prefix=space, query="sea", limit=1, offset=2)) == ["port"]
    assert keys(search(http, namespace_prefix=space, query="hill", filter={"text": "hill"}))[:1] == ["alps"]
    put(http, space, "coast", {"text": "hill hill"})
    assert keys(search(http, namespace_prefix=space, query="sea", limit=2)) == ["titled", "port"]


def test_a_page_of_many_by_meaning_is_full(http: httpx.Client, space: list[str]) -> None:
    for number in range(40):
        put(http, space, f"{number:02}", {"text": "sea " * (number + 1) + "town"})
    expected = [f"{number:02}" for number in range(39, -1, -1)]
    assert keys(search(http, namespace_prefix=space, query="sea", limit=100)) == expected
    assert keys(search(http, namespace_prefix=space, query="sea", limit=5, offset=30)) == expected[30:35]


def test_an_item_with_many_vectors_hides_no_other(http: httpx.Client, space: list[str]) -> None:
    put(http, space, "many", {"texts": ["sea " * number for number in range(1, 31)]}, index=["texts[*]"])
    for key in ("one", "two"):
        put(http, space, key, {"text": "sea hill"})
    assert sorted(keys(search(http, namespace_prefix=space, query="sea"))) == ["many", "one", "two"]


@shows("list_namespaces", "prefix suffix max_depth limit offset 200")
def test_namespaces(http: httpx.Client, space: list[str]) -> None:
    for parts in (["b", "x"], ["a"], ["a", "x", "deep"], ["a", "y"], ["ab", "x"]):
        put(http, [*space, *parts], "k", {})
        put(http, [*space, *parts], "k2", {})

    def listed(**body: Any) -> list[str]:
        return ["/".join(parts[1:]) for parts in namespaces(http, **{"prefix": space, **body})]

    assert listed() == ["a", "a/x/deep", "a/y", "ab/x", "b/x"]
    assert listed(prefix=[*space, "a"]) == ["a", "a/x/deep", "a/y"]
    assert listed(suffix=["x"]) == ["ab/x", "b/x"]
    assert listed(prefix=[*space, "*", "x"]) == ["a/x/deep", "ab/x", "b/x"]
    assert listed(max_depth=2) == ["a", "ab", "b"]
    assert listed(limit=2, offset=1) == ["a/x/deep", "a/y"]
    assert listed(limit=0) == []
    assert listed(suffix=None, max_depth=None) == listed()


@shows("put_item", "ttl")
@shows("get_item", "refresh_ttl")
@shows("search_items", "refresh_ttl")
def test_an_item_lives_as_long_as_it_was_given(http: httpx.Client, space: list[str]) -> None:
    for key in ("brief", "read", "found"):
        put(http, [*space, key], "k", {}, ttl=0.03)
    put(http, [*space, "for ever"], "k", {}, ttl=None)
    put(http, [*space, "long"], "k", {}, ttl=5)
    left = {"brief", "read", "found", "for ever", "long"}
    end = time.monotonic() + 4
    while time.monotonic() < end:
        assert get(http, [*space, "read"], "k", refresh_ttl="true") is not None
        assert search(http, namespace_prefix=[*space, "found"], refresh_ttl=True)
        left = {item["namespace"][1] for item in search(http, namespace_prefix=space, refresh_ttl=False)}
        time.sleep(0.1)
    assert left == {"read", "found", "for ever", "long"}
    assert get(http, [*space, "brief"], "k", refresh_ttl="false") is None
    assert namespaces(http, prefix=[*space, "brief"]) == []


def test_an_item_that_is_put_after_its_time_is_new(http: httpx.Client, space: list[str]) -> None:
    put(http, space, "k", {}, ttl=0.001)
    before = get(http, space, "k")["created_at"]
    time.sleep(2)
    put(http, space, "k", {})
    assert get(http, space, "k")["created_at"] > before


def test_lifetimes_as_configured(tmp_path: Path) -> None:
    """By default two seconds from the last read."""
    document = json.loads(STORING.read_text())
    config = tmp_path / "langgraph.json"
    ttl = {"default_ttl": 0.04, "sweep_interval_minutes": 0.01}
    config.write_text(json.dumps({"graphs": {"own": f"{GRAPHS.with_name('storing.py')}:own"}, "store": {"ttl": ttl}}))
    assert document["store"].keys() == {"index"}
    with serving(config) as live, live.client() as http:
        for key in ("brief", "read", "kept"):
            put(http, [key], "k", {}, **({"ttl": None} if key == "kept" else {}))
        end = time.monotonic() + 5
        while time.monotonic() < end:
            assert get(http, ["read"], "k") is not None
            time.sleep(0.1)
        assert namespaces(http) == [["kept"], ["read"]]
