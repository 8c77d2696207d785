"""The SDK's four methods that create runs, each from the same arguments to the run at its end."""

from __future__ import annotations

import inspect
from dataclasses import dataclass
from typing import Any

from langgraph_sdk._sync.runs import SyncRunsClient
from langgraph_sdk.client import SyncLangGraphClient

METHODS = ("create", "wait", "stream", "create_batch")
# `create_batch` takes bodies; these arguments are not fields of a body.
_NOT_IN_A_BODY = {"langsmith_tracing", "headers", "params", "on_run_created", "version", "raise_error"}


def arguments(method: str) -> set[str]:
    """A method's arguments, without the thread and the assistant; for a batch, those of `create` that are fields."""
    if method == "create_batch":
        return arguments("create") - _NOT_IN_A_BODY
    return set(inspect.signature(getattr(SyncRunsClient, method)).parameters) - {"self", "thread_id", "assistant_id"}


@dataclass(frozen=True)
class Creator:
    """Creates runs by one of the methods."""

    sdk: SyncLangGraphClient
    method: str

    def create(self, graph: str, **fields: Any) -> str:
        """The id of a new run; of a waited or streamed run, after its end."""
        runs: Any = self.sdk.runs
        if self.method == "create":
            return str(runs.create(None, graph, **fields)["run_id"])
        if self.method == "create_batch":
            [run] = runs.create_batch([{"thread_id": None, "assistant_id": graph, **fields}])
            return str(run["run_id"])
        created: list[Any] = []
        if self.method == "wait":
            runs.wait(None, graph, raise_error=False, on_run_created=created.append, **fields)
        else:
            list(runs.stream(None, graph, on_run_created=created.append, **fields))
        return str(created[0]["run_id"])

    def ended(self, graph: str, **fields: Any) -> Any:
        """A new run once it has ended, with its outcome."""
        run_id = self.create(graph, **fields)
        self.sdk.http.get(f"/runs/{run_id}/join")
        return self.sdk.http.get(f"/runs/{run_id}")
