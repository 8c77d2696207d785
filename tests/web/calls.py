"""Requests that many tests make, one line each."""

from __future__ import annotations

from typing import Any

import httpx

from tests.live import sse, until

Json = dict[str, Any]
Event = tuple[str, Any, str | None]


def create(http: httpx.Client, graph: str, given: Any = None, **fields: Any) -> Any:
    """The Run that `POST /runs` answers with."""
    return accepted(http.post("/runs", json=_body(graph, given, fields))).json()


def wait(http: httpx.Client, graph: str, given: Any = None, **fields: Any) -> Any:
    """The outcome that `POST /runs/wait` answers with."""
    return accepted(http.post("/runs/wait", json=_body(graph, given, fields))).json()


def stream(http: httpx.Client, graph: str, given: Any = None, **fields: Any) -> list[Event]:
    """The events that `POST /runs/stream` answers with: (event, data, id) of each."""
    return sse(accepted(http.post("/runs/stream", json=_body(graph, given, fields))).content)


def names(events: list[Event]) -> list[str]:
    """The names of events, without the `metadata` that is always first."""
    assert events[0][0] == "metadata"
    return [name for name, _, _ in events[1:]]


def payloads(events: list[Event]) -> list[Any]:
    """The data of events, without that of `metadata`."""
    return [data for _, data, _ in events[1:]]


def detail(http: httpx.Client, run_id: str) -> Any:
    """The RunDetail of a run."""
    return accepted(http.get(f"/runs/{run_id}")).json()


def ended(http: httpx.Client, run_id: str) -> Any:
    """The RunDetail of a run once it has ended."""
    accepted(http.get(f"/runs/{run_id}/join"))
    return detail(http, run_id)


def until_status(http: httpx.Client, run_id: str, status: str) -> Any:
    """The RunDetail of a run once it has a status."""
    return until(lambda: run if (run := detail(http, run_id))["status"] == status else None)


def run_id_of(response: httpx.Response) -> str:
    """The run's id, from where clients read it."""
    return response.headers["content-location"].rpartition("/")[2]


def accepted(response: httpx.Response) -> httpx.Response:
    """The response, which has to be a 200."""
    assert response.status_code == 200, response.read()
    return response


def _body(graph: str, given: Any, fields: Json) -> Json:
    return {"assistant_id": graph, "input": given, **fields}
