"""What a handler knows of a user reaches the graph of each run, in any process, and no client."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.durability.place import Place
from tests.live import LiveServer, serving, sse, until
from tests.web.calls import Json, accepted
from tests.web.guarding import BEARER, bearing, guarded_project
from tests.web.hook_receiver import receiving, until_delivery

GRAPH = """
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langgraph.config import get_config, get_stream_writer
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import interrupt

async def speak(state):
    user = get_config()["configurable"]["langgraph_auth_user"]
    assert user["token"] == user.token == "secret of ana"
    get_stream_writer()(user)
    said = await GenericFakeChatModel(messages=iter([AIMessage(f"for {user.identity}")])).ainvoke("x")
    return {"messages": said}

def ask(state):
    if state["messages"][0].content == "ask":
        interrupt("well?")

inner = StateGraph(MessagesState).add_node(speak).add_node(ask).add_edge(START, "speak").add_edge("speak", "ask")
graph = StateGraph(MessagesState).add_node("inner", inner.compile()).add_edge(START, "inner").compile()
"""
MODES = ["values", "updates", "messages", "messages-tuple", "custom", "debug", "events", "tasks", "checkpoints"]
BODY: Json = {"assistant_id": "agent", "input": {"messages": "hello"}, "stream_subgraphs": True}
SHOWN = {"identity": "ana", "display_name": "ana", "is_authenticated": True, "permissions": []}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server whose graph uses a secret of its user."""
    folder = tmp_path_factory.mktemp("secrets")
    config = guarded_project(folder, BEARER)
    folder.joinpath("telling.py").write_text(GRAPH)
    webhooks = {"url": {"disable_loopback": False, "require_https": False}}
    config.write_text(json.dumps({**json.loads(config.read_text()), "webhooks": webhooks}))
    with serving(config, webhook_timeout=30.0) as live:
        yield live


@pytest.fixture(scope="module")
def http(server: LiveServer) -> Iterator[httpx.Client]:
    """A client of ana."""
    with server.client(headers=bearing("ana")) as client:
        yield client


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("fields", [{"on_completion": "keep"}, {"on_completion": "delete"}, {"stream_resumable": True}])
def test_no_event_says_it(http: httpx.Client, mode: str, fields: Json) -> None:
    response = accepted(http.post("/runs/stream", json={**BODY, "stream_mode": mode, **fields}))
    assert b"secret" not in response.content
    names = [name for name, _, _ in sse(response.content)]
    assert "error" not in names
    # There are no checkpoints of a run that is not kept.
    assert len(names) > 1 or (mode == "checkpoints" and fields.get("on_completion") != "keep")
    if mode == "custom":  # whoever sends the user itself sends what is public
        assert SHOWN in [data for name, data, _ in sse(response.content) if name.startswith("custom")]


@pytest.mark.parametrize("said", ["hello", "ask"])
def test_no_view_of_a_run_or_thread_says_it(http: httpx.Client, said: str) -> None:
    body = {**BODY, "input": {"messages": said}, "on_completion": "keep", "stream_mode": MODES}
    [created] = accepted(http.post("/runs/batch", json=[body])).json()
    run, thread = f"/runs/{created['run_id']}", f"/threads/{created['thread_id']}"
    assert created["kwargs"]["config"]["configurable"]["langgraph_auth_user"] == SHOWN
    shown = [accepted(http.get(f"{run}/join"))]
    shown += [accepted(http.get(path)) for path in (run, thread, f"{thread}/runs", f"{thread}{run}")]
    shown += [accepted(http.get(f"{thread}/{path}")) for path in ("state", "state?subgraphs=true", "history")]
    shown += [accepted(http.post(f"{thread}/history", json={}))]
    for response in shown:
        assert b"secret" not in response.content
    assert shown[1].json()["kwargs"]["config"]["configurable"]["langgraph_auth_user"] == SHOWN
    assert shown[2].json()["status"] == ("idle" if said == "hello" else "interrupted")


def test_no_webhook_says_it(http: httpx.Client) -> None:
    with receiving() as hook:
        run = accepted(http.post("/runs", json={**BODY, "webhook": hook.url})).json()
        received = hook.first(run["run_id"])
        assert received.body["kwargs"]["config"]["configurable"]["langgraph_auth_user"] == SHOWN
        assert (received.body["status"], b"secret" in received.content) == ("success", False)
        until_delivery(http, run["run_id"], "delivered")


def test_a_webhook_to_a_path_of_this_server_comes_from_nobody(http: httpx.Client) -> None:
    run = accepted(http.post("/runs", json={**BODY, "webhook": "/runs"})).json()
    delivery = until(lambda: [each for each in _deliveries(http, run) if each["attempts"]])[0]
    assert delivery["attempts"][0]["status_code"] == 401


def _deliveries(http: httpx.Client, run: Json) -> list[Json]:
    found: list[Json] = accepted(http.get(f"/runs/{run['run_id']}")).json()["webhook_deliveries"]
    return found


def test_a_run_has_its_user_in_another_process_and_after_a_restart(tmp_path: Path) -> None:
    place, config = Place(tmp_path), guarded_project(tmp_path, BEARER)
    body = {"assistant_id": "agent", "input": {}, "on_completion": "keep"}
    with place.serve(config, ROLE="api") as edge:  # carries out nothing
        reply = httpx.post(f"{edge.url}/runs", json=body, headers=bearing("ana"))
        run = accepted(reply).json()
        path = f"/runs/{run['run_id']}"
        assert accepted(httpx.get(edge.url + path, headers=bearing("ana"))).json()["status"] == "pending"
    with place.serve(config) as server:
        ended = until(lambda: _ended(accepted(httpx.get(server.url + path, headers=bearing("ana"))).json()))
    assert ended["status"] == "success", ended
    assert ended["values"]["said"]["user"] == {**SHOWN, "token": "secret of ana"}
    assert ended["values"]["said"]["id"] == "ana"


def _ended(run: Json) -> Json | None:
    return None if run["status"] in ("pending", "running") else run
