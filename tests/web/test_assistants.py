"""Assistants: each graph's own one, searched for and read."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import httpx
import pytest

SIMPLE = "5e0f6b46-d00f-5af4-87dc-ea2105ff526d"  # recorded for a graph of this name
KEYS = [
    "assistant_id",
    "graph_id",
    "config",
    "context",
    "metadata",
    "name",
    "created_at",
    "updated_at",
    "version",
    "description",
]


def search(http: httpx.Client, **body: Any) -> list[Any]:
    response = http.post("/assistants/search", json=body)
    assert response.status_code == 200, response.text
    found: list[Any] = response.json()
    return found


@pytest.mark.shows("get_assistant", "200")
def test_an_assistant_has_every_key_in_the_recorded_order(http: httpx.Client) -> None:
    assistant = http.get(f"/assistants/{SIMPLE}").json()
    assert list(assistant) == KEYS
    assert assistant["assistant_id"] == SIMPLE
    assert (assistant["graph_id"], assistant["name"], assistant["version"]) == ("simple", "simple", 1)
    assert (assistant["config"], assistant["context"], assistant["description"]) == ({}, {}, None)
    assert assistant["metadata"] == {"created_by": "system"}


@pytest.mark.shows("search_assistants", "200")
def test_a_search_without_conditions_finds_the_graphs_in_order(http: httpx.Client) -> None:
    found = search(http, limit=1000)
    assert [assistant["graph_id"] for assistant in found][:3] == ["simple", "slow", "failing"]
    assert search(http, limit=10, offset=0) == found[:10]


@pytest.mark.shows("search_assistants", "graph_id name metadata")
@pytest.mark.parametrize(
    ("body", "graphs"),
    [
        ({"graph_id": "slow"}, ["slow"]),
        ({"name": "NESTED_C"}, ["nested_chat"]),
        ({"metadata": {"created_by": "system"}, "graph_id": "slow"}, ["slow"]),
        ({"metadata": {"created_by": "nobody"}}, []),
    ],
)
def test_conditions_add_up(http: httpx.Client, body: Any, graphs: list[str]) -> None:
    assert [assistant["graph_id"] for assistant in search(http, **body)] == graphs


@pytest.mark.shows("search_assistants", "select")
def test_a_search_can_be_sorted_and_cut_to_keys(http: httpx.Client) -> None:
    names = [view["name"] for view in search(http, limit=1000, sort_by="name", sort_order="asc", select=["name"])]
    assert names == sorted(names)
    assert search(http, graph_id="slow", select=["name", "version"]) == [{"name": "slow", "version": 1}]


@pytest.mark.shows("search_assistants", "limit offset")
def test_pages_are_announced_in_headers(http: httpx.Client) -> None:
    count = len(search(http, limit=1000))
    first = http.post("/assistants/search", json={"limit": 2, "offset": 1}).headers
    assert (first["x-pagination-total"], first["x-pagination-next"]) == ("4", "3")
    last = http.post("/assistants/search", json={"limit": 1000}).headers
    assert last["x-pagination-total"] == str(count)
    assert "x-pagination-next" not in last


@pytest.mark.shows("get_assistant", "assistant_id 200 404 422")
@pytest.mark.parametrize(
    ("path", "status"), [("simple", 422), (SIMPLE.upper(), 200), (str(uuid4()), 404), ("x" * 36, 422)]
)
def test_an_assistant_is_read_by_its_uuid_only(http: httpx.Client, path: str, status: int) -> None:
    assert http.get(f"/assistants/{path}").status_code == status


@pytest.mark.shows("search_assistants", "404 422")
@pytest.mark.parametrize(
    ("body", "status"),
    [({"graph_id": "bogus"}, 404), ({"limit": 0}, 422), ({"limit": 1001}, 422), ({"sort_by": "age"}, 422), ([], 422)],
)
def test_a_wrong_search_is_refused(http: httpx.Client, body: Any, status: int) -> None:
    response = http.post("/assistants/search", json=body)
    assert response.status_code == status
    assert response.json()["detail"]
