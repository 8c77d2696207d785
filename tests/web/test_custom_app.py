"""An application of the author's beside the server's operations: routes, middleware, lifespan (`http.app`)."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import GRAPHS, LiveServer, serving, until
from tests.web.calls import wait
from treadle.keys import keys_in_list

CUSTOM = GRAPHS.with_name("custom.py")
GUARDED = GRAPHS.with_name("guarded.py")
KEY = {"x-api-key": "key-one"}
ANA = {"authorization": "Bearer ana"}


@contextmanager
def served(folder: Path, http: dict[str, Any], **more: Any) -> Iterator[httpx.Client]:
    """A client of a server with this section `http`."""
    settings = {name: more.pop(name) for name in list(more) if name not in ("auth", "webhooks")}
    document = {"graphs": {"agent": f"{CUSTOM}:graph"}, "http": http, **more}
    config = folder / "langgraph.json"
    config.write_text(json.dumps(document))
    with serving(config, **settings) as live, live.client() as client:
        yield client


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose author has an application with middleware."""
    with serving(GRAPHS.with_name("custom.json")) as live:
        yield live


def module() -> Any:
    """The author's module as the server has loaded it."""
    return next(each for each in sys.modules.values() if getattr(each, "__file__", None) == str(CUSTOM))


def test_a_route_of_the_authors_finds_what_the_lifespan_opened(http: httpx.Client) -> None:
    expected = {"opened": True, "word": "from the lifespan", "same_loop": True, "user": None}
    assert http.get("/hello").json() == expected


def test_a_graph_shares_what_belongs_to_the_loop_of_the_lifespan(http: httpx.Client) -> None:
    """A pool of connections, for which the lock stands here, can be used on its own loop only."""
    with http.stream("POST", "/runs/stream", json={"assistant_id": "agent", "input": {}}) as stream:
        assert "event: error" not in stream.read().decode()
    assert wait(http, "agent", {})["said"]["same_loop"] is True


def test_bodies_pass_whole_in_both_directions(http: httpx.Client) -> None:
    body = bytes(range(256)) * 2000
    assert http.post("/echo", content=body).content == body


def test_its_routes_come_before_the_servers_except_those_about_the_server(http: httpx.Client) -> None:
    assert http.post("/assistants/search", json={}).text == "mine"
    assert http.get("/ok").json()["ok"] is True
    assert http.get("/info").json()["flags"]["assistants"]


def test_its_middleware_sees_every_request(http: httpx.Client) -> None:
    for path, status in (("/hello", 200), ("/assistants/5e0f6b46-d00f-5af4-87dc-ea2105ff526d", 404), ("/nothing", 404)):
        answer = http.get(path)
        assert (answer.status_code, answer.headers["x-stamp"]) == (status, "custom")
    assert wait(http, "agent", {})["said"]["x-team"] == "blue"  # the header that it adds reaches the graph


def test_what_no_route_takes_is_answered_as_ever(http: httpx.Client) -> None:
    assert http.get("/nothing").json() == {"detail": "Not Found"}
    assert http.request("DELETE", "/runs").status_code == 405


def test_its_failures_are_answers(http: httpx.Client) -> None:
    assert (http.get("/failing?how=refuse").status_code, http.get("/failing").status_code) == (418, 500)
    assert http.get("/hello").status_code == 200


def test_the_lifespan_ends_with_the_server(tmp_path: Path) -> None:
    with served(tmp_path, {"app": f"{CUSTOM}:plain"}) as http:
        module().resources.pop("closed", None)
        assert http.get("/hello").json()["opened"]
        assert "x-stamp" not in http.get("/nothing").headers
    assert module().resources["closed"]


def test_a_relative_webhook_reaches_it(tmp_path: Path) -> None:
    hooks = {"url": {"disable_loopback": False}}
    with served(tmp_path, {"app": f"{CUSTOM}:stamping"}, webhooks=hooks) as http:
        module().received.clear()
        http.post("/runs/wait", json={"assistant_id": "agent", "input": {}, "webhook": "/hook"})
        assert until(lambda: module().received)[0]["status"] == "success"


def test_keys_are_needed_for_its_routes_unless_the_author_says_no(tmp_path: Path) -> None:
    keys = keys_in_list("here", "one=key-one")
    with served(tmp_path, {"app": f"{CUSTOM}:plain"}, api_keys=keys) as http:
        assert http.get("/hello").status_code == 401
        assert http.get("/hello", headers=KEY).status_code == 200
    with served(tmp_path, {"app": f"{CUSTOM}:plain", "enable_custom_route_auth": False}, api_keys=keys) as http:
        assert http.get("/hello").status_code == 200
        assert http.post("/runs/wait", json={}).status_code == 401
        assert http.get("/info").status_code == 401  # ours, though the author's application has a route for it


def test_users_are_asked_for_on_its_routes_if_the_author_says_so(tmp_path: Path) -> None:
    auth = {"path": f"{GUARDED}:auth"}
    with served(tmp_path, {"app": f"{CUSTOM}:plain"}, auth=auth) as http:
        assert http.get("/hello").json()["user"] is None
        assert http.post("/runs/wait", json={"assistant_id": "agent", "input": {}}).status_code == 401
    with served(tmp_path, {"app": f"{CUSTOM}:plain", "enable_custom_route_auth": True}, auth=auth) as http:
        assert http.get("/hello").status_code == 401
        assert http.get("/hello", headers=ANA).json()["user"] == "ana"


@pytest.mark.parametrize(("order", "stamp"), [("middleware_first", "custom"), ("auth_first", None)])
def test_the_order_of_users_and_middleware(tmp_path: Path, order: str, stamp: str | None) -> None:
    http_section = {"app": f"{CUSTOM}:stamping", "middleware_order": order}
    with served(tmp_path, http_section, auth={"path": f"{GUARDED}:auth"}) as http:
        refused = http.post("/runs/wait", json={"assistant_id": "agent", "input": {}})
        assert (refused.status_code, refused.headers.get("x-stamp")) == (401, stamp)
        run = http.post("/runs", json={"assistant_id": "agent", "input": {}}, headers=ANA)
        assert (run.status_code, run.json()["metadata"]["owner"], run.headers["x-stamp"]) == (200, "ana", "custom")
