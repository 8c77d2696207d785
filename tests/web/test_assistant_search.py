"""Every value that a search for assistants may sort by or cut to."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

shows = pytest.mark.shows
KEYS = [
    "assistant_id",
    "graph_id",
    "name",
    "description",
    "config",
    "context",
    "created_at",
    "updated_at",
    "metadata",
    "version",
]


def search(http: httpx.Client, **body: Any) -> list[Any]:
    """The assistants found."""
    response = http.post("/assistants/search", json={"limit": 1000, **body})
    assert response.status_code == 200, response.text
    found: list[Any] = response.json()
    return found


@pytest.mark.parametrize(
    "order",
    [pytest.param(order, marks=shows("search_assistants", f"sort_order={order}")) for order in ("asc", "desc")],
)
@pytest.mark.parametrize(
    "key",
    [
        pytest.param(key, marks=shows("search_assistants", f"sort_by={key}"))
        for key in ("assistant_id", "created_at", "updated_at", "name", "graph_id")
    ],
)
def test_assistants_are_sorted(http: httpx.Client, key: str, order: str) -> None:
    everything = search(http)
    expected = sorted(everything, key=lambda assistant: str(assistant[key]).lower(), reverse=order == "desc")
    assert search(http, sort_by=key, sort_order=order) == expected
    # Without a key, the newest come first.
    assert (expected == everything) == (key.endswith("_at") and order == "desc")


@pytest.mark.parametrize("key", [pytest.param(key, marks=shows("search_assistants", f"select={key}")) for key in KEYS])
def test_an_assistant_is_cut_to_a_key(http: httpx.Client, key: str) -> None:
    [whole] = search(http, graph_id="simple")
    assert search(http, graph_id="simple", select=[key]) == [{key: whole[key]}]
