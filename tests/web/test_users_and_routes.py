"""A hundred users and every operation: nobody sees, changes or ends what is another's."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import httpx
import pytest

import treadle_api.operations as op
from tests.live import GRAPHS, LiveServer, serving
from tests.web.owning import Mine, Request, furnish, good, requests
from treadle.web.routes import USERLESS

pytestmark = pytest.mark.edge

USERS = 100
GUARDED = GRAPHS.with_name("guarded.json")
OPERATIONS = [operation for operation in op.ALL if operation not in USERLESS]

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
            furnish(http, mine)
    return made


def _is_unknown(response: httpx.Response, mine: Mine) -> bool:
    return response.status_code == 404


def _send(http: httpx.Client, request: Request, user: Mine) -> httpx.Response:
    method, path, body = request
    return http.request(method, path, json=body, headers=user.headers)


def test_every_operation_is_in_the_table() -> None:
    assert set(requests(Mine("any", {"run_id": "", "thread_id": ""}))) == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("name", [operation.name for operation in OPERATIONS])
def test_nobody_reaches_what_is_anothers(server: LiveServer, users: list[Mine], name: str) -> None:
    allowed = ALLOWED.get(name, _is_unknown)
    with server.client() as http:
        for user, other in zip(users, [*users[1:], users[0]], strict=True):
            response = _send(http, requests(other)[name], user)
            assert allowed(response, other), (user.name, response.status_code, response.text)
            assert f'"{other.name}"' not in response.text or name in ALLOWED


def test_everything_is_still_there_for_its_owner(server: LiveServer, users: list[Mine]) -> None:
    """After all of the above, in which each user tried to change and to delete it."""
    unharmful = ("get_run", "join_run", "list_thread_runs", "get_thread", "get_thread_state_at", "get_assistant")
    with server.client() as http:
        for user in users:
            for name in unharmful:
                assert _send(http, requests(user)[name], user).status_code == 200, name
            assert good(http.get(f"/assistants/{user.assistant}", headers=user.headers))["name"] == "Untitled"
            item = good(http.get("/store/items?namespace=mine&key=k", headers=user.headers))
            assert item["value"] == {"of": user.name}
            assert good(http.post("/assistants/count", json={}, headers=user.headers)) == 1


@pytest.mark.parametrize(
    "name",
    [pytest.param(each.name, marks=pytest.mark.shows(each.name, "403")) for each in OPERATIONS],
)
def test_a_user_who_may_do_nothing_is_refused(server: LiveServer, users: list[Mine], name: str) -> None:
    nobody = Mine("nobody")
    with server.client() as http:
        response = _send(http, requests(users[0])[name], nobody)
    assert (response.status_code, response.json()) == (403, {"detail": "The user may not do this."})
