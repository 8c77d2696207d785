"""Requests that many tests make, one line each."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from typing import Any

import httpx

from tests.live import sse, until

Json = dict[str, Any]
Event = tuple[str, Any, str | None]

UNKNOWN = "7f1c2b7e-6a39-4f0e-9a55-3d2f9b8f4c01"
"""An id that nothing has; the same in each process, since it names test cases."""

LANGGRAPH = tuple(int(part) for part in version("langgraph").split(".")[:3])
"""The release of LangGraph; a few answers depend on it."""
INTERRUPT = ["value", "id", *(["response_schema"] if LANGGRAPH >= (1, 2, 16) else [])]
"""The keys of an interrupt."""


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


def until_seen(parts: Iterator[bytes], sign: bytes, times: int = 1) -> bytes:
    """The bytes of a stream until a sign has come so many times."""
    seen = b""
    while seen.count(sign) < times:
        seen += next(parts)
    return seen


def accepted(response: httpx.Response) -> httpx.Response:
    """The response, which has to be a 200."""
    assert response.status_code == 200, response.read()
    return response


def _body(graph: str, given: Any, fields: Json) -> Json:
    return {"assistant_id": graph, "input": given, **fields}
