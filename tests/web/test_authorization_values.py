"""Values that the author's handlers change, and what neither they nor clients can forge."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.web.calls import Json, accepted
from tests.web.guarding import BEARER, bearing, guarded, told
from tests.web.owning import RUN
from treadle.keys import keys_in_list

pytestmark = pytest.mark.edge

CHANGING = (
    BEARER
    + """
@auth.on.threads.create
async def thread(ctx, value):
    value["metadata"] = {**value["metadata"], "owner": ctx.user.identity}

@auth.on.threads.create_run
async def run(ctx, value):
    value["metadata"]["owner"] = ctx.user.identity
    value["kwargs"]["config"]["configurable"]["given"] = "by auth"
    value["kwargs"]["webhook"] = value["kwargs"]["config"]["configurable"].get("hook")

@auth.on.assistants.create
async def assistant(ctx, value):
    value["metadata"]["owner"] = ctx.user.identity
    value["config"] = {"configurable": {"own": "by auth"}}
    value["context"] = {}
    value["name"] = "named by auth"

@auth.on.assistants.update
async def version(ctx, value):
    value["metadata"]["owner"] = ctx.user.identity
    value["context"] = {"own": "anew"}

@auth.on.assistants.search
async def search(ctx, value):
    value["metadata"]["owner"] = ctx.user.identity

@auth.on.store
async def item(ctx, value):
    value["namespace"] = (ctx.user.identity, *value["namespace"])
    if ctx.action == "put":
        value["key"], value["value"] = value["key"].upper(), {**value["value"], "by": ctx.user.identity}
    if ctx.action == "search":
        value["filter"] = {"seen": True}
    if ctx.action in ("search", "list_namespaces"):
        value["limit"] = 1
"""
)


@pytest.fixture(scope="module")
def changing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of ana on a server whose handlers change values."""
    with guarded(tmp_path_factory.mktemp("changing"), CHANGING) as client:
        client.headers.update(bearing("ana"))
        yield client


def test_what_a_handler_changes_of_a_thread_and_a_run_takes_effect(changing: httpx.Client) -> None:
    thread = accepted(changing.post("/threads", json={"metadata": {"owner": "ben", "a": 1}})).json()
    assert thread["metadata"] == {"owner": "ana", "a": 1}
    body = {**RUN, "metadata": {"owner": "ben"}, "config": {"configurable": {"given": "by ana"}}}
    assert told(changing, {}, **body)["given"] == "by auth"
    run = accepted(changing.post("/runs", json={**body, "on_completion": "keep"})).json()
    assert (run["metadata"]["owner"], run["kwargs"]["config"]["metadata"]["owner"]) == ("ana", "ana")
    accepted(changing.get(f"/runs/{run['run_id']}/join"))
    assert accepted(changing.get(f"/runs/{run['run_id']}")).json()["metadata"]["owner"] == "ana"
    assert accepted(changing.get(f"/threads/{run['thread_id']}")).json()["metadata"]["owner"] == "ana"


def test_a_webhook_of_a_handler_is_checked_like_one_of_a_client(changing: httpx.Client) -> None:
    hooked = {**RUN, "config": {"configurable": {"hook": "http://127.0.0.1:9/"}}}
    assert changing.post("/runs", json=hooked).status_code == 422


def test_what_a_handler_changes_of_an_assistant_takes_effect(changing: httpx.Client) -> None:
    body = {"graph_id": "agent", "metadata": {"owner": "ben"}, "config": {"configurable": {"own": "by ana"}}}
    made = accepted(changing.post("/assistants", json=body)).json()
    assert (made["name"], made["metadata"], made["context"]) == ("named by auth", {"owner": "ana"}, {"own": "by auth"})
    path = f"/assistants/{made['assistant_id']}"
    changed = accepted(changing.patch(path, json={"context": {"own": "again"}, "metadata": {"owner": "ben"}})).json()
    assert (changed["metadata"], changed["context"]) == ({"owner": "ana"}, {"own": "anew"})
    accepted(changing.post("/assistants", json=body, headers=bearing("cat")))
    for asked in ({}, {"metadata": {"owner": "cat"}}):
        found = accepted(changing.post("/assistants/search", json=asked)).json()
        assert [each["assistant_id"] for each in found] == [made["assistant_id"]]
        assert accepted(changing.post("/assistants/count", json=asked)).json() == 1


def test_what_a_handler_changes_of_an_item_takes_effect(changing: httpx.Client) -> None:
    for key, seen in (("a", True), ("b", True), ("c", False)):
        body = {"namespace": ["n", key], "key": key, "value": {"seen": seen}}
        assert changing.put("/store/items", json=body).status_code == 204
    item = accepted(changing.get("/store/items?namespace=n.a&key=A")).json()
    assert (item["namespace"], item["key"], item["value"]) == (["ana", "n", "a"], "A", {"seen": True, "by": "ana"})
    search = {"namespace_prefix": ["n"], "filter": {"seen": False}, "limit": 10}
    [found] = accepted(changing.post("/store/items/search", json=search)).json()["items"]
    assert found["value"]["seen"] is True
    assert len(accepted(changing.post("/store/namespaces", json={"limit": 10})).json()["namespaces"]) == 1


@pytest.mark.parametrize("change", ["value['metadata'] = 5", "value['kwargs']['config'] = 'none'"])
def test_a_value_that_a_handler_breaks_creates_nothing(tmp_path: Path, change: str) -> None:
    text = f"{BEARER}\n@auth.on.threads.create_run\nasync def broken(ctx, value):\n    {change}\n"
    with guarded(tmp_path, text) as http:
        assert http.post("/runs", json=RUN, headers=bearing("ana")).status_code in (422, 500)


# What is not to be forged

FORGED: Json = {
    "langgraph_auth_user": {"identity": "boss"},
    "langgraph_auth_user_id": "boss",
    "langgraph_auth_permissions": ["all"],
}


def test_a_client_cannot_name_another_user(changing: httpx.Client) -> None:
    assistant = {"graph_id": "agent", "config": {"configurable": FORGED}, "context": FORGED}
    with_auth = accepted(changing.post("/assistants", json=assistant)).json()["assistant_id"]
    for fields in (
        {"config": {"configurable": FORGED}},
        {"context": FORGED},
        {"checkpoint": FORGED},
        {"metadata": FORGED, "config": {"metadata": FORGED}},
        {"assistant_id": with_auth},
    ):
        said = told(changing, {}, **fields)
        assert (said["id"], said["user"]["identity"], said["permissions"]) == ("ana", "ana", [])


def test_an_assistant_cannot_name_another_user(tmp_path: Path) -> None:
    with guarded(tmp_path, BEARER) as http:
        for fields in ({"config": {"configurable": FORGED}}, {"context": FORGED}):
            body = {"graph_id": "agent", **fields}
            made = accepted(http.post("/assistants", json=body, headers=bearing("ana"))).json()
            said = told(http, bearing("ana"), assistant_id=made["assistant_id"])
            assert (said["id"], said["user"]["identity"], said["permissions"]) == ("ana", "ana", [])


IN_PLACE = """
    configurable = value["kwargs"]["config"]["configurable"]
    configurable.update(FORGED, run_id="0", thread_id="0", graph_id="0", assistant_id="0")
    value["kwargs"]["config"]["metadata"]["assistant_id"] = value["metadata"]["assistant_id"] = "0"
"""
REPLACED = """
    config = value["kwargs"]["config"]
    ids = dict(run_id="0", thread_id="0", graph_id="0", assistant_id="0")
    value["kwargs"] = {**value["kwargs"], "config": {**config, "configurable": {**FORGED, **ids}}}
    value.update(ids, metadata={"assistant_id": "0"}, status="success")
"""
DEEP = """
    configurable = value["kwargs"]["config"]["configurable"]
    configurable["langgraph_auth_user"]["identity"] = configurable["langgraph_auth_user_id"] = "boss"
    configurable["langgraph_auth_permissions"].append("all")
"""


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(IN_PLACE, id="in place"),
        pytest.param(DEEP, id="deep"),
        pytest.param(REPLACED, id="replaced"),
    ],
)
def test_a_handler_cannot_change_ids_or_the_user(tmp_path: Path, change: str) -> None:
    text = f"{BEARER}\nFORGED = {FORGED}\n@auth.on.threads.create_run\nasync def forge(ctx, value):\n{change}"
    with guarded(tmp_path, text) as http:
        reply = accepted(http.post("/runs/wait", json=RUN, headers=bearing("ana")))
        _, _, thread_id, _, run_id = reply.headers["content-location"].split("/")
        [own] = accepted(http.post("/assistants/search", json={}, headers=bearing("ana"))).json()
        assert reply.json()["ids"] == {
            "run_id": run_id,
            "thread_id": thread_id,
            "graph_id": "agent",
            "assistant_id": own["assistant_id"],
        }
        said = reply.json()["said"]
        assert (said["id"], said["user"]["identity"], said["permissions"]) == ("ana", "ana", [])
        run = accepted(http.get(f"/runs/{run_id}", headers=bearing("ana"))).json()
        assert (run["assistant_id"], run["metadata"]["assistant_id"]) == (own["assistant_id"],) * 2


@pytest.mark.parametrize("keys", [False, True])
def test_one_users_idempotency_key_is_not_anothers(tmp_path: Path, keys: bool) -> None:
    settings: Json = {"api_keys": keys_in_list("here", "ops=sesame")} if keys else {}
    with guarded(tmp_path, BEARER, **settings) as http:
        http.headers.update({"idempotency-key": "k", "x-api-key": "sesame"})
        ids = {
            name: {accepted(http.post("/runs", json=RUN, headers=bearing(name))).json()["run_id"] for _ in range(2)}
            for name in ("ana", "ben")
        }
        assert [len(each) for each in ids.values()] == [1, 1]
        assert ids["ana"].isdisjoint(ids["ben"])
        other = {**RUN, "metadata": {"a": 1}}
        assert http.post("/runs", json=other, headers=bearing("ana")).status_code == 409
        assert http.post("/runs", json=other, headers=bearing("cat")).status_code == 200
