"""What one user of a guarded server has, and a request of every operation to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx

RUN = {"assistant_id": "agent", "input": {}}


@dataclass
class Mine:
    """What one user has."""

    name: str
    run: dict[str, Any] = field(default_factory=dict)
    """A kept run that has ended."""
    checkpoint: str = ""
    assistant: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.name}"}

    @property
    def thread(self) -> str:
        """The path of the thread."""
        return f"/threads/{self.run['thread_id']}"

    @property
    def own_run(self) -> str:
        """The path of the run under its thread."""
        return f"{self.thread}/runs/{self.run['run_id']}"


Request = tuple[str, str, Any]


def requests(mine: Mine) -> dict[str, Request]:
    """A request of each operation to what the user has."""
    run, thread, own = f"/runs/{mine.run['run_id']}", mine.thread, mine.own_run
    assistant, at = f"/assistants/{mine.assistant}", {"checkpoint": {"checkpoint_id": mine.checkpoint}}
    create = {**RUN, "assistant_id": mine.assistant}
    item = {"namespace": [mine.name], "key": "k"}
    ids = {"thread_id": mine.run["thread_id"], "run_ids": [mine.run["run_id"]]}
    search = {"metadata": {"owner": mine.name}}
    return {
        "create_run": ("POST", "/runs", create),
        "wait_run": ("POST", "/runs/wait", create),
        "stream_run": ("POST", "/runs/stream", create),
        "create_run_batch": ("POST", "/runs/batch", [RUN, create]),
        "get_run": ("GET", run, None),
        "join_run": ("GET", f"{run}/join", None),
        "join_run_stream": ("GET", f"{run}/stream", None),
        "cancel_run": ("POST", f"{run}/cancel", None),
        "delete_run": ("DELETE", run, None),
        "cancel_runs": ("POST", "/runs/cancel", ids),
        "list_thread_runs": ("GET", f"{thread}/runs", None),
        "get_thread_run": ("GET", own, None),
        "join_thread_run": ("GET", f"{own}/join", None),
        "join_thread_run_stream": ("GET", f"{own}/stream", None),
        "cancel_thread_run": ("POST", f"{own}/cancel", None),
        "delete_thread_run": ("DELETE", own, None),
        "create_thread": ("POST", "/threads", {"thread_id": mine.run["thread_id"], "if_exists": "do_nothing"}),
        "get_thread": ("GET", thread, None),
        "delete_thread": ("DELETE", thread, None),
        "get_thread_state": ("GET", f"{thread}/state", None),
        "get_thread_state_at": ("GET", f"{thread}/state/{mine.checkpoint}", None),
        "search_thread_state": ("POST", f"{thread}/state/checkpoint", at),
        "list_thread_history": ("GET", f"{thread}/history", None),
        "search_thread_history": ("POST", f"{thread}/history", {}),
        "create_assistant": (
            "POST",
            "/assistants",
            {"graph_id": "agent", "assistant_id": mine.assistant, "if_exists": "do_nothing"},
        ),
        "search_assistants": ("POST", "/assistants/search", search),
        "count_assistants": ("POST", "/assistants/count", search),
        "get_assistant": ("GET", assistant, None),
        "update_assistant": ("PATCH", assistant, {"name": "taken"}),
        "delete_assistant": ("DELETE", f"{assistant}?delete_threads=true", None),
        "list_assistant_versions": ("POST", f"{assistant}/versions", {}),
        "set_latest_assistant_version": ("POST", f"{assistant}/latest", {"version": 1}),
        "get_assistant_graph": ("GET", f"{assistant}/graph", None),
        "get_assistant_schemas": ("GET", f"{assistant}/schemas", None),
        "list_assistant_subgraphs": ("GET", f"{assistant}/subgraphs", None),
        "get_assistant_subgraph": ("GET", f"{assistant}/subgraphs/any", None),
        "put_item": ("PUT", "/store/items", {**item, "value": {"of": "another"}}),
        "get_item": ("GET", f"/store/items?namespace={mine.name}&key=k", None),
        "delete_item": ("DELETE", "/store/items", item),
        "search_items": ("POST", "/store/items/search", {"namespace_prefix": [mine.name]}),
        "list_namespaces": ("POST", "/store/namespaces", {"prefix": [mine.name]}),
    }


def furnish(http: httpx.Client, mine: Mine) -> None:
    """Make what a user has."""
    headers = mine.headers
    mine.assistant = good(http.post("/assistants", json={"graph_id": "agent"}, headers=headers))["assistant_id"]
    body = {**RUN, "assistant_id": mine.assistant, "on_completion": "keep"}
    mine.run = good(http.post("/runs", json=body, headers=headers))
    assert good(http.get(f"{mine.own_run}/join", headers=headers))["said"]["id"] == mine.name
    mine.checkpoint = good(http.get(f"{mine.thread}/state", headers=headers))["checkpoint_id"]
    item = {"namespace": ["mine"], "key": "k", "value": {"of": mine.name}}
    assert http.put("/store/items", json=item, headers=headers).status_code == 204


def good(response: httpx.Response) -> Any:
    """The JSON of a response, which has to be a 200."""
    assert response.status_code == 200, response.text
    return response.json()
