"""Encryption and users: the context that a handler makes of a user, and filters that see what they compare."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import serving
from tests.web.calls import accepted, create, ended, wait
from tests.web.guarding import BEARER, bearing, loaded, refusal
from tests.web.vaults import ENCRYPTION, SECRET, encrypted_project, instead, of_tenant, places

BY_USER = """
@vault.context
async def context(user, ctx):
    contexts.append((user.identity, ctx.model, ctx.field, ctx.metadata))
    return {**ctx.metadata, "tenant": user.identity}
"""
OWNED = f"""{BEARER}
@auth.on
async def own(ctx, value):
    if ctx.resource == "store":
        return None
    value.setdefault("metadata", {{}})["owner"] = ctx.user.identity
    return {{"owner": ctx.user.identity}}
"""
OPEN_OWNER = instead(
    "encrypt.json",
    'return {key: data[key] if key == "owner" else "hex:" + json.dumps(data[key]).encode().hex() for key in data}',
    instead(
        "decrypt.json",
        'return {key: data[key] if key == "owner" else json.loads(bytes.fromhex(data[key][4:])) for key in data}',
    ),
)
CREATES: dict[str, Any] = {
    "/runs": {"assistant_id": "agent", "input": {"text": SECRET}},
    "/runs/wait": {"assistant_id": "agent", "input": {"text": SECRET}},
    "/runs/stream": {"assistant_id": "agent", "input": {"text": SECRET}, "on_completion": "keep"},
    "/runs/batch": [{"assistant_id": "agent", "input": {"text": SECRET}}],
    "/assistants": {"graph_id": "agent"},
    "/threads": {},
}


@contextmanager
def served(folder: Path, encryption: str, auth: str | None = BEARER) -> Iterator[httpx.Client]:
    """A client of a server, without credentials; its files are in the folder `files`."""
    config = encrypted_project(folder, encryption, auth)
    with serving(config, database_uri=f"sqlite:///{folder}/files/runs.db") as live, live.client() as http:
        yield http


def contexts(folder: Path) -> list[Any]:
    """The contexts that data was encrypted with, each once and in their order."""
    calls = [call[3] for call in loaded(folder / "encryption.py").calls]
    return [context for number, context in enumerate(calls) if context not in calls[:number]]


def test_the_handler_makes_the_context_of_user_and_header(tmp_path: Path) -> None:
    with served(tmp_path, ENCRYPTION + BY_USER) as http:
        headers = {**bearing("ana"), **of_tenant("nobody", case=7)}
        done = accepted(http.post("/runs/wait", json=CREATES["/runs"], headers=headers)).json()
        assert done["text"] == SECRET
        module = loaded(tmp_path / "encryption.py")
        assert module.contexts == [("ana", None, None, {"tenant": "nobody", "case": 7})]  # once for a request
        assert contexts(tmp_path) == [{"tenant": "ana", "case": 7}]
        assert http.get("/ok").status_code == 200
        assert http.post("/runs", json=CREATES["/runs"]).status_code == 401
        assert len(module.contexts) == 1
        assert places(tmp_path / "files", SECRET) == []


def test_a_run_is_encrypted_for_the_user_who_created_it(tmp_path: Path) -> None:
    with served(tmp_path, ENCRYPTION + BY_USER) as http:
        for name in ("ana", "ben"):
            http.headers.update(bearing(name))
            run = create(http, "agent", {"text": f"{SECRET} {name}"}, on_completion="keep", stream_resumable=True)
            http.headers.update(bearing("reader"))
            assert ended(http, run["run_id"])["values"]["text"] == f"{SECRET} {name}"
            accepted(http.get(f"/threads/{run['thread_id']}/history"))
        assert contexts(tmp_path) == [{"tenant": "ana"}, {"tenant": "ben"}]


def test_without_auth_the_handler_sees_nobody(tmp_path: Path) -> None:
    with served(tmp_path, ENCRYPTION + BY_USER, auth=None) as http:
        wait(http, "agent", {"text": SECRET})
        assert loaded(tmp_path / "encryption.py").contexts == [("", None, None, {})]
        assert contexts(tmp_path) == [{"tenant": ""}]


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise ValueError('xyzzy-secret')", "the handler context failed with ValueError"),
        ("return 'ana'", "the handler context returned a str"),
        ("return {'a': b'1'}", "the handler context returned an object with a value that JSON does not know"),
    ],
)
def test_a_context_handler_that_fails_refuses_the_request(tmp_path: Path, body: str, said: str) -> None:
    handler = f"\n@vault.context\nasync def context(user, ctx):\n    {body}\n"
    with served(tmp_path, ENCRYPTION + handler) as http:
        http.headers.update(bearing("ana"))
        for path, document in CREATES.items():
            detail = f"The context of the request cannot be made: {said}"
            assert refusal(http.post(path, json=document)) == (500, detail)
        assert http.get("/ok").status_code == 200


def test_a_client_in_a_node_has_the_context_of_the_run(tmp_path: Path) -> None:
    tmp_path.joinpath("calling.py").write_text("""
from langgraph.graph import START, StateGraph
from langgraph_sdk import get_client
async def call(state):
    return {"found": await get_client().runs.wait(None, "agent", input={"text": "inner"})}
graph = StateGraph(dict).add_node(call).add_edge(START, "call").compile()
""")
    config = encrypted_project(tmp_path)
    config.write_text(config.read_text().replace('"graphs": {', '"graphs": {"calling": "./calling.py:graph", '))
    with serving(config) as live, live.client(headers=of_tenant("ana")) as http:
        assert wait(http, "calling", {})["found"]["text"] == "inner"
        assert contexts(tmp_path) == [{"tenant": "ana"}]


def test_what_a_filter_compares_must_not_be_encrypted(tmp_path: Path) -> None:
    with served(tmp_path, ENCRYPTION, OWNED) as http:
        http.headers.update(bearing("ana"))
        for path, document in CREATES.items():
            status, text = refusal(http.post(path, json=document))
            assert (status, text.startswith("metadata: a filter of auth compares a key of it")) == (422, True), text
        assert accepted(http.post("/assistants/search", json={"metadata": {}})).json() is not None


def test_filters_that_see_what_they_compare_keep_users_apart(tmp_path: Path) -> None:
    with served(tmp_path, OPEN_OWNER, OWNED) as http:
        http.headers.update(bearing("ana"))
        run = create(http, "agent", {"text": SECRET}, on_completion="keep", metadata={"note": SECRET})
        ended(http, run["run_id"])
        made = accepted(http.post("/assistants", json={"graph_id": "agent", "metadata": {"note": SECRET}})).json()
        paths = [f"/runs/{run['run_id']}", f"/threads/{run['thread_id']}", f"/assistants/{made['assistant_id']}"]
        assert [accepted(http.get(path)).json()["metadata"]["note"] for path in paths] == [SECRET] * 3
        assert len(accepted(http.post("/assistants/search", json={"metadata": {"owner": "ana"}})).json()) == 1
        changed = http.patch(f"/assistants/{made['assistant_id']}", json={"metadata": {"more": 1}})
        assert accepted(changed).json()["metadata"] == {"note": SECRET, "owner": "ana", "more": 1}
        http.headers.update(bearing("ben"))
        assert [http.get(path).status_code for path in paths] == [404] * 3
        assert len(accepted(http.post("/assistants/search", json={"metadata": {"owner": "ana"}})).json()) == 0
        assert places(tmp_path / "files", SECRET) == []
