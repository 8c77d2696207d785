"""The four operations that create runs, each from the same fields to the id of its run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx

from tests.live import sse
from tests.web.calls import Event, accepted, ended, run_id_of

EVERY = "create_run wait_run stream_run create_run_batch"
PATHS = {
    "create_run": "/runs",
    "wait_run": "/runs/wait",
    "stream_run": "/runs/stream",
    "create_run_batch": "/runs/batch",
}


@dataclass(frozen=True)
class Creator:
    """Creates runs by one of the operations."""

    http: httpx.Client
    operation: str

    def post(self, graph: str, given: Any = None, **fields: Any) -> httpx.Response:
        """The answer to a request for one run."""
        body = {"assistant_id": graph, "input": given, **fields}
        batch = self.operation == "create_run_batch"
        return self.http.post(PATHS[self.operation], json=[body] if batch else body)

    def create(self, graph: str, given: Any = None, **fields: Any) -> str:
        """The id of a new run."""
        response = accepted(self.post(graph, given, **fields))
        if self.operation == "create_run_batch":
            [run] = response.json()
            return str(run["run_id"])
        return run_id_of(response)

    def ended(self, graph: str, given: Any = None, **fields: Any) -> Any:
        """The RunDetail of a new run once it has ended."""
        return ended(self.http, self.create(graph, given, **fields))

    def events(self, graph: str, given: Any = None, **fields: Any) -> list[Event]:
        """All events of a new run, read again after its end."""
        run_id = self.create(graph, given, stream_resumable=True, **fields)
        ended(self.http, run_id)
        return sse(accepted(self.http.get(f"/runs/{run_id}/stream", headers={"last-event-id": "-1"})).content)
