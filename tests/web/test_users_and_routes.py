"""A hundred users and every operation: nobody sees, changes or ends what is another's."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

import treadle_api.operations as op
from tests.live import GRAPHS, LiveServer, serving
from treadle.web.routes import USERLESS

USERS = 100
GUARDED = GRAPHS.with_name("guarded.json")
OPERATIONS = [operation for operation in op.ALL if operation not in USERLESS]
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


def _requests(mine: Mine) -> dict[str, Request]:
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


# What another user gets where it is no 404.
ALLOWED: dict[str, Callable[[httpx.Response, Mine], bool]] = {
    "create_thread": lambda response, mine: response.status_code == 409,
    "create_assistant": lambda response, mine: response.status_code == 409,
    "search_assistants": lambda response, mine: response.json() == [],
    "count_assistants": lambda response, mine: response.json() == 0,
    "put_item": lambda response, mine: response.status_code == 204,
    "get_item": lambda response, mine: "of" not in response.text or "another" in response.text,
    "delete_item": lambda response, mine: response.status_code == 204,
    "search_items": lambda response, mine: mine.name + '","k' not in response.text,
    "list_namespaces": lambda response, mine: [mine.name, "mine"] not in response.json()["namespaces"],
}


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server whose graphs have users."""
    with serving(GUARDED, heartbeat=60) as live:
        yield live


@pytest.fixture(scope="module")
def users(server: LiveServer) -> list[Mine]:
    """Users, each with a run, a thread, an assistant and an item."""
    made = [Mine(f"user-{number}") for number in range(USERS)]
    with server.client() as http:
        for mine in made:
            _furnish(http, mine)
    return made


def _furnish(http: httpx.Client, mine: Mine) -> None:
    headers = mine.headers
    mine.assistant = _good(http.post("/assistants", json={"graph_id": "agent"}, headers=headers))["assistant_id"]
    body = {**RUN, "assistant_id": mine.assistant, "on_completion": "keep"}
    mine.run = _good(http.post("/runs", json=body, headers=headers))
    assert _good(http.get(f"{mine.own_run}/join", headers=headers))["said"]["id"] == mine.name
    mine.checkpoint = _good(http.get(f"{mine.thread}/state", headers=headers))["checkpoint_id"]
    item = {"namespace": ["mine"], "key": "k", "value": {"of": mine.name}}
    assert http.put("/store/items", json=item, headers=headers).status_code == 204


def _good(response: httpx.Response) -> Any:
    assert response.status_code == 200, response.text
    return response.json()


def _is_unknown(response: httpx.Response, mine: Mine) -> bool:
    return response.status_code == 404


def _send(http: httpx.Client, request: Request, user: Mine) -> httpx.Response:
    method, path, body = request
    return http.request(method, path, json=body, headers=user.headers)


def test_every_operation_is_in_the_table() -> None:
    assert set(_requests(Mine("any", {"run_id": "", "thread_id": ""}))) == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS])
def test_nobody_reaches_what_is_anothers(server: LiveServer, users: list[Mine], name: str) -> None:
    allowed = ALLOWED.get(name, _is_unknown)
    with server.client() as http:
        for user, other in zip(users, [*users[1:], users[0]], strict=True):
            response = _send(http, _requests(other)[name], user)
            assert allowed(response, other), (user.name, response.status_code, response.text)
            assert f'"{other.name}"' not in response.text or name in ALLOWED


def test_everything_is_still_there_for_its_owner(server: LiveServer, users: list[Mine]) -> None:
    """After all of the above, in which each user tried to change and to delete it."""
    unharmful = ("get_run", "join_run", "list_thread_runs", "get_thread", "get_thread_state_at", "get_assistant")
    with server.client() as http:
        for user in users:
            for name in unharmful:
                assert _send(http, _requests(user)[name], user).status_code == 200, name
            assert _good(http.get(f"/assistants/{user.assistant}", headers=user.headers))["name"] == "Untitled"
            item = _good(http.get("/store/items?namespace=mine&key=k", headers=user.headers))
            assert item["value"] == {"of": user.name}
            assert _good(http.post("/assistants/count", json={}, headers=user.headers)) == 1


@pytest.mark.parametrize(
    "name",
    [pytest.param(each.name, marks=pytest.mark.shows(each.name, "403")) for each in OPERATIONS],
)
def test_a_user_who_may_do_nothing_is_refused(server: LiveServer, users: list[Mine], name: str) -> None:
    nobody = Mine("nobody")
    with server.client() as http:
        response = _send(http, _requests(users[0])[name], nobody)
    assert (response.status_code, response.json()) == (403, {"detail": "The user may not do this."})
