"""Assistants over HTTP, and the servers that keep those of a test."""

from __future__ import annotations

from typing import Any

import httpx

from tests.live import GRAPHS
from tests.web.calls import Json, accepted

ASSISTANTS = GRAPHS.with_name("assistants.json")
"""A few graphs, for servers of their own: what is created stays, and other tests count assistants."""
INSPECTED = GRAPHS.with_name("inspected.json")
"""Graphs to be looked at, and that say what reached them; likewise."""


def new_assistant(http: httpx.Client, graph: str = "simple", **fields: Any) -> Json:
    """The Assistant that `POST /assistants` answers with."""
    made: Json = accepted(http.post("/assistants", json={"graph_id": graph, **fields})).json()
    return made


def patched(http: httpx.Client, of: Json, **fields: Any) -> Json:
    """The Assistant that `PATCH` answers with."""
    made: Json = accepted(http.patch(assistant_path(of), json=fields)).json()
    return made


def default_of(http: httpx.Client, graph: str) -> Json:
    """The Assistant that comes with a graph."""
    body = {"graph_id": graph, "sort_by": "created_at", "sort_order": "asc", "limit": 1000}
    found = accepted(http.post("/assistants/search", json=body)).json()
    [own] = [each for each in found if each["metadata"].get("created_by") == "system"]
    assert isinstance(own, dict)
    return own


def assistant_path(of: Json) -> str:
    """The path of an assistant."""
    return f"/assistants/{of['assistant_id']}"


def assistant(http: httpx.Client, of: Json) -> Json:
    """The Assistant as it is now."""
    found: Json = accepted(http.get(assistant_path(of))).json()
    return found


def versions(http: httpx.Client, of: Json, **body: Any) -> list[Json]:
    """The versions that `POST .../versions` answers with."""
    found: list[Json] = accepted(http.post(f"{assistant_path(of)}/versions", json=body)).json()
    return found


def refusal(response: httpx.Response, status: int) -> str:
    """The detail of a refusal with this status."""
    assert response.status_code == status, response.text
    assert list(response.json()) == ["detail"]
    return str(response.json()["detail"])
