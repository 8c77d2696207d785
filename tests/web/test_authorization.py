"""Which of the author's handlers is asked, what each operation asks, and what a refusal looks like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

import treadle_api.operations as op
from tests.live import LiveServer
from tests.web.calls import accepted
from tests.web.guarding import BEARER, bearing, guarded, guarded_server, loaded, refusal
from tests.web.owning import RUN, Mine, furnish, requests
from treadle.web.routes import USERLESS

pytestmark = pytest.mark.edge

RECORDING = (
    BEARER
    + """
asked = []

@auth.on
async def record(ctx, value):
    asked.append((ctx, value))
"""
)
RUN_KEYS = (
    "after_seconds assistant_id if_not_exists kwargs metadata multitask_strategy prevent_insert_if_inflight run_id "
    "status thread_id"
)
READ_ASSISTANT = ("assistants", "read", "assistant_id metadata")
UPDATE_ASSISTANT = ("assistants", "update", "assistant_id metadata name")
CREATE_RUN = ("threads", "create_run", RUN_KEYS)
READ_RUN = ("threads", "read", "run_id thread_id")
CANCEL_RUN = ("threads", "update", "action run_id thread_id")
DELETE_RUN = ("threads", "delete", "run_id thread_id")
READ_THREAD = ("threads", "read", "thread_id")
ASKED: dict[str, tuple[tuple[str, str, str], ...]] = {
    **dict.fromkeys(("create_run", "wait_run", "stream_run"), (READ_ASSISTANT, CREATE_RUN)),
    "create_run_batch": (CREATE_RUN, READ_ASSISTANT, CREATE_RUN),  # the first is of a graph's own assistant
    **dict.fromkeys(("get_run", "join_run", "join_run_stream"), (READ_RUN,)),
    **dict.fromkeys(("get_thread_run", "join_thread_run", "join_thread_run_stream"), (READ_RUN,)),
    **dict.fromkeys(("cancel_run", "cancel_thread_run"), (CANCEL_RUN,)),
    **dict.fromkeys(("delete_run", "delete_thread_run"), (DELETE_RUN,)),
    "cancel_runs": (("threads", "update", "action metadata thread_id"),),
    "list_thread_runs": (("threads", "search", "limit metadata offset status thread_id"),),
    "create_thread": (("threads", "create", "if_exists metadata thread_id"),),
    "get_thread": (READ_THREAD,),
    "delete_thread": (("threads", "delete", "thread_id"),),
    **dict.fromkeys(("get_thread_state", "get_thread_state_at", "search_thread_state"), (READ_THREAD,)),
    **dict.fromkeys(("list_thread_history", "search_thread_history"), (READ_THREAD,)),
    "create_assistant": (("assistants", "create", "assistant_id config context graph_id if_exists metadata name"),),
    "search_assistants": (("assistants", "search", "graph_id limit metadata offset"),),
    "count_assistants": (("assistants", "search", "graph_id metadata"),),
    "get_assistant": (READ_ASSISTANT,),
    "update_assistant": (UPDATE_ASSISTANT,),
    "delete_assistant": (("assistants", "delete", "assistant_id metadata"), DELETE_RUN),
    "list_assistant_versions": (READ_ASSISTANT,),
    "set_latest_assistant_version": (("assistants", "update", "assistant_id metadata version"),),
    **dict.fromkeys(("get_assistant_graph", "get_assistant_schemas"), (READ_ASSISTANT,)),
    **dict.fromkeys(("list_assistant_subgraphs", "get_assistant_subgraph"), (READ_ASSISTANT,)),
    "put_item": (("store", "put", "index key namespace value"),),
    "get_item": (("store", "get", "key namespace"),),
    "delete_item": (("store", "delete", "key namespace"),),
    "search_items": (("store", "search", "filter limit namespace offset query"),),
    "list_namespaces": (("store", "list_namespaces", "limit max_depth namespace offset suffix"),),
}


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, Any]]:
    """A server whose only handler records what it is asked, and its module."""
    folder = tmp_path_factory.mktemp("recording")
    with guarded_server(folder, RECORDING) as live:
        yield live, loaded(folder / "auth.py")


def test_the_table_has_every_operation_with_users() -> None:
    assert set(ASKED) == {operation.name for operation in op.ALL if operation not in USERLESS}


@pytest.mark.parametrize("name", ASKED)
def test_each_operation_asks_for_what_it_does(recording: tuple[LiveServer, Any], name: str) -> None:
    live, auth = recording
    mine = Mine("ana")
    with live.client() as http:
        furnish(http, mine)
        auth.asked.clear()
        method, path, body = requests(mine)[name]
        http.request(method, path, json=body, headers=mine.headers)
    asked = tuple((ctx.resource, ctx.action, " ".join(sorted(value))) for ctx, value in auth.asked)
    assert asked == ASKED[name]
    ids = {"thread_id": mine.run["thread_id"], "run_id": mine.run["run_id"], "assistant_id": mine.assistant}
    for ctx, value in auth.asked:
        assert (ctx.user.identity, ctx.user["token"], list(ctx.permissions)) == ("ana", "secret of ana", [])
        given = {key: value[key] for key in ids if value.get(key) and ctx.action != "create_run"}
        assert given == {key: UUID(ids[key]) for key in given}


@pytest.mark.parametrize("path", ["join", "stream"])
def test_who_cancels_by_leaving_needs_the_right_to_cancel(recording: tuple[LiveServer, Any], path: str) -> None:
    live, auth = recording
    mine = Mine("ana")
    with live.client() as http:
        furnish(http, mine)
        auth.asked.clear()
        for run in (f"/runs/{mine.run['run_id']}", mine.own_run):
            http.get(f"{run}/{path}", params={"cancel_on_disconnect": True}, headers=mine.headers)
    assert [(ctx.resource, ctx.action) for ctx, _ in auth.asked] == [("threads", "read"), ("threads", "update")] * 2
    assert auth.asked[1][1]["action"] == "interrupt"


def test_a_handler_sees_what_was_asked_for(recording: tuple[LiveServer, Any]) -> None:
    live, auth = recording
    auth.asked.clear()
    with live.client() as http:
        body = {**RUN, "input": {"given": 1}, "metadata": {"a": 1}, "after_seconds": 0, "multitask_strategy": "reject"}
        accepted(http.post("/runs/wait", json=body, headers=bearing("ana")))
        accepted(http.get("/store/items?namespace=a.b&key=k", headers=bearing("ana")))
    (_, run), (_, item) = auth.asked
    assert run["kwargs"]["input"] == {"given": 1}
    assert run["metadata"] == {"a": 1, "created_by": "system", "assistant_id": str(run["assistant_id"])}
    assert (run["status"], run["multitask_strategy"], run["after_seconds"]) == ("pending", "reject", 0)
    assert item == {"namespace": ("a", "b"), "key": "k"}


NAMED = (
    BEARER
    + """
def refuse(name):
    async def handler(ctx, value):
        if ctx.user.identity == "asking":
            raise Auth.exceptions.HTTPException(418, name)
    return handler

auth.on(refuse("all"))
auth.on.threads(refuse("threads"))
auth.on.threads.read(refuse("threads.read"))
auth.on.threads.create_run(refuse("threads.create_run"))
auth.on(actions="search")(refuse("any search"))
auth.on(resources=["assistants", "store"], actions=["update", "put"])(refuse("some"))
auth.on.store.get(refuse("store.get"))
"""
)


@pytest.mark.parametrize(
    ("name", "handler"),
    [
        ("get_thread", "threads.read"),
        ("get_run", "threads.read"),
        ("wait_run", "all"),  # whether the user may see the assistant comes first
        ("create_run_batch", "threads.create_run"),
        ("delete_thread", "threads"),
        ("list_thread_runs", "threads"),  # a resource is more specific than an action
        ("search_assistants", "any search"),
        ("count_assistants", "any search"),
        ("search_items", "any search"),
        ("update_assistant", "some"),
        ("put_item", "some"),
        ("get_item", "store.get"),
        ("create_assistant", "all"),
        ("list_namespaces", "all"),
    ],
)
def test_the_most_specific_handler_alone_is_asked(named: httpx.Client, name: str, handler: str) -> None:
    mine = Mine("ana")
    furnish(named, mine)
    method, path, body = requests(mine)[name]
    assert refusal(named.request(method, path, json=body, headers=bearing("asking"))) == (418, handler)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server of many handlers, which refuse with their names."""
    with guarded(tmp_path_factory.mktemp("named"), NAMED) as http:
        yield http


def test_what_no_handler_is_about_is_allowed(tmp_path: Path) -> None:
    text = BEARER + "\n@auth.on.store\nasync def none(ctx, value):\n    return False\n"
    with guarded(tmp_path, text) as http:
        made = accepted(http.post("/threads", json={}, headers=bearing("ana"))).json()
        assert http.get(f"/threads/{made['thread_id']}", headers=bearing("ben")).status_code == 200
        assert http.get("/store/items?namespace=a&key=k", headers=bearing("ana")).status_code == 403


ANSWERING = (
    BEARER
    + """
from starlette.exceptions import HTTPException

def raising(error):
    raise error

ANSWERS = {
    "false": lambda: False,
    "assertion": lambda: raising(AssertionError("Not yours")),
    "sdk": lambda: raising(Auth.exceptions.HTTPException(404, "Nothing here", headers={"X-Own": "1"})),
    "starlette": lambda: raising(HTTPException(409, "Not now")),
    "bug": lambda: raising(ValueError("a secret")),
    "exit": lambda: raising(SystemExit("a secret")),
}

@auth.on
async def answer(ctx, value):
    return ANSWERS.get(ctx.user.identity, lambda: None)()
"""
)


@pytest.mark.parametrize(
    ("user", "said"),
    [
        ("false", (403, "The user may not do this.")),
        ("assertion", (403, "Not yours")),
        ("sdk", (404, "Nothing here")),
        ("starlette", (409, "Not now")),
        ("bug", (500, "A handler of the configuration's auth failed; the log of the server says why.")),
        ("exit", (500, "A handler of the configuration's auth failed; the log of the server says why.")),
    ],
)
def test_a_handler_that_refuses_or_fails_lets_nothing_happen(answering: httpx.Client, user: str, said: Any) -> None:
    mine = Mine("ana")
    furnish(answering, mine)
    for name in ("wait_run", "create_run_batch", "delete_thread", "update_assistant", "put_item"):
        method, path, body = requests(mine)[name]
        assert refusal(answering.request(method, path, json=body, headers=bearing(user))) == said
    assert answering.get(mine.thread, headers=mine.headers).status_code == 200
    assert accepted(answering.get(f"/assistants/{mine.assistant}", headers=mine.headers)).json()["version"] == 1
    assert accepted(answering.get("/store/items?namespace=ana&key=k", headers=mine.headers)).json() is None


@pytest.fixture(scope="module")
def answering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server whose handler answers as the user is called."""
    with guarded(tmp_path_factory.mktemp("answering"), ANSWERING) as http:
        yield http


def test_one_run_of_a_batch_that_is_refused_leaves_none(tmp_path: Path) -> None:
    text = (
        BEARER + "\n@auth.on.threads.create_run\nasync def judge(ctx, value):\n    return 'ok' in value['metadata']\n"
    )
    with guarded(tmp_path, text, heartbeat=60) as http:
        batch = [{**RUN, "metadata": {"ok": 1}}, RUN]
        for key in ({}, {"idempotency-key": "k"}):
            assert http.post("/runs/batch", json=batch, headers={**bearing("ana"), **key}).status_code == 403
        # The refused request has not used up its key.
        headers = {**bearing("ana"), "idempotency-key": "k"}
        assert len(accepted(http.post("/runs/batch", json=batch[:1], headers=headers)).json()) == 1
