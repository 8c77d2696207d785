"""Items over HTTP, and the servers that keep them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.live import GRAPHS, LiveServer, serving
from tests.web.calls import accepted

Json = dict[str, Any]
STORING = GRAPHS.with_name("storing.json")
"""Graphs that keep items, with an index by the words `sea`, `hill` and `town`."""


@pytest.fixture(scope="module", params=["sqlite", "memory"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with an index."""
    file = tmp_path_factory.mktemp("store") / "runs.db"
    uri = "memory://" if request.param == "memory" else f"sqlite:///{file}"
    with serving(STORING, database_uri=uri) as live:
        yield live


@pytest.fixture
def space() -> list[str]:
    """A namespace that no other test has."""
    return [f"space-{uuid4()}"]


def put(http: httpx.Client, namespace: list[str], key: str, value: Json, **fields: Any) -> httpx.Response:
    answer = http.put("/store/items", json={"namespace": namespace, "key": key, "value": value, **fields})
    assert (answer.status_code, answer.content) == (204, b""), answer.text
    return answer


def get(http: httpx.Client, namespace: list[str], key: str, **query: Any) -> Any:
    return accepted(http.get("/store/items", params={"namespace": ".".join(namespace), "key": key, **query})).json()


def search(http: httpx.Client, **body: Any) -> list[Any]:
    found: list[Any] = accepted(http.post("/store/items/search", json=body)).json()["items"]
    return found


def keys(items: list[Any]) -> list[str]:
    return [item["key"] for item in items]


def namespaces(http: httpx.Client, **body: Any) -> list[list[str]]:
    found: list[list[str]] = accepted(http.post("/store/namespaces", json=body)).json()["namespaces"]
    return found
