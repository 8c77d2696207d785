"""Requests about items that are refused, and fields of them that nothing reads."""

from __future__ import annotations

import httpx
import pytest

from tests.live import serving
from tests.web.storing import Json, keys, put, server, space

__all__ = ["server", "space"]
shows = pytest.mark.shows


# What is refused


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"namespace": []}, "namespace"),
        ({"namespace": ["a", ""]}, "namespace"),
        ({"namespace": ["a.b"]}, "namespace"),
        ({"namespace": ["a\u0000"]}, "namespace"),
        ({"namespace": ["langgraph", "x"]}, "namespace"),
        ({"namespace": "a"}, "namespace"),
        ({"key": None}, "key"),
        ({"value": [1]}, "value"),
        ({"value": {"n": 2**64}}, "value"),
        ({"ttl": -1}, "ttl"),
        ({"ttl": 1e10}, "ttl"),
        ({"index": True}, "index"),
        ({"index": [1]}, "index"),
    ],
)
@shows("put_item", "422")
def test_an_item_that_cannot_be_stored(http: httpx.Client, change: Json, field: str) -> None:
    refused = http.put("/store/items", json={"namespace": ["a"], "key": "k", "value": {}, **change})
    assert refused.status_code == 422
    assert field in refused.json()["detail"]


@pytest.mark.parametrize("part", ["key", "namespace", "value"])
def test_text_that_is_none_is_refused(http: httpx.Client, part: str) -> None:
    """Half of a character, as JSON may spell it."""
    bad = {"key": '"\\ud800"', "namespace": '["\\ud800"]', "value": '{"a": "\\ud800"}'}[part]
    body = {"namespace": '["a"]', "key": '"k"', "value": "{}"} | {part: bad}
    content = "{" + ",".join(f'"{name}": {text}' for name, text in body.items()) + "}"
    assert http.put("/store/items", content=content).status_code == 422


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("items/search", {"filter": {"a b": 1}}, "filter"),
        ("items/search", {"filter": {"a": {"$in": [1]}}}, "filter"),
        ("items/search", {"filter": {"a": {"$eq": [1]}}}, "filter"),
        ("items/search", {"filter": {".": 1}}, "filter"),
        ("items/search", {"filter": {f"a{n}": 1 for n in range(101)}}, "filter"),
        ("items/search", {"limit": -1}, "limit"),
        ("items/search", {"limit": 10**10}, "limit"),
        ("items/search", {"offset": -1}, "offset"),
        ("items/search", {"namespace_prefix": ["a.b"]}, "namespace_prefix"),
        ("items/search", {"query": 5}, "query"),
        ("namespaces", {"prefix": ["a.b"]}, "prefix"),
        ("namespaces", {"suffix": [""]}, "suffix"),
        ("namespaces", {"max_depth": 0}, "max_depth"),
        ("namespaces", {"limit": -1}, "limit"),
        ("namespaces", {"offset": 10**30}, "offset"),
    ],
)
@shows("search_items list_namespaces", "422")
def test_a_search_that_cannot_be_made(http: httpx.Client, path: str, body: Json, said: str) -> None:
    refused = http.post(f"/store/{path}", json=body)
    assert refused.status_code == 422
    assert said in refused.json()["detail"]


@shows("get_item delete_item", "422")
def test_a_namespace_that_is_none(http: httpx.Client) -> None:
    for query in (
        "namespace=a..b&key=k",
        "namespace=.&key=k",
        "namespace=a%00&key=k",
        "namespace=a",
        "key=k&refresh_ttl=x",
    ):
        assert http.get(f"/store/items?{query}").status_code == 422, query
    for body in ({"namespace": ["a.b"], "key": "k"}, {"namespace": ["a"]}):
        assert http.request("DELETE", "/store/items", json=body).status_code == 422


# What is ignored


def test_fields_that_nothing_reads_are_named(http: httpx.Client, space: list[str]) -> None:
    assert put(http, space, "k", {}, foo=1).headers["treadle-ignored"] == "foo"
    deleted = http.request("DELETE", "/store/items", json={"namespace": space, "key": "k", "foo": 1})
    found = http.post("/store/items/search", json={"query": "sea", "foo": 1})
    listed = http.post("/store/namespaces", json={"foo": 1})
    assert {answer.headers["treadle-ignored"] for answer in (deleted, found, listed)} == {"foo"}
    assert "treadle-ignored" not in put(http, space, "k", {}, index=["text"]).headers


def test_without_an_index_what_is_about_one_is_named() -> None:
    with serving() as live, live.client() as http:
        assert put(http, ["a"], "k", {"text": "sea"}, index=["text"]).headers["treadle-ignored"] == "index"
        assert "treadle-ignored" not in put(http, ["a"], "k2", {}, index=False).headers
        found = http.post("/store/items/search", json={"query": "sea"})
        assert found.headers["treadle-ignored"] == "query"
        assert sorted(keys(found.json()["items"])) == ["k", "k2"]
