"""The author's `authenticate`: what it may ask for, what it stands before, and what it does not hold up."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.live import serving, until
from tests.web.calls import UNKNOWN, accepted
from tests.web.guarding import BEARER, bearing, guarded, guarded_project, loaded, refusal, told
from treadle.graphs.auth_config import OFFERED
from treadle.keys import keys_in_list

pytestmark = pytest.mark.edge

ASKING = """
import json
from langgraph_sdk import Auth

auth = Auth()

@auth.authenticate
async def authenticate({parameters}):
    raise Auth.exceptions.HTTPException(418, json.dumps({seen}))
"""
EACH = {
    "request": "[request.method, request.url.path, await request.json(), (await request.body()).decode()]",
    "body": "body",
    "path": "path",
    "method": "method",
    "path_params": "path_params",
    "query_params": "query_params",
    "headers": "headers[b'x-own'].decode()",
    "authorization": "authorization",
}
BODY = {"assistant_id": "agent", "input": {"a": ["ä"]}}
SENT: dict[str, Any] = {
    "request": ["POST", "/runs/wait", BODY, json.dumps(BODY)],
    "body": BODY,
    "path": "/runs/wait",
    "method": "POST",
    "path_params": {},
    "query_params": {"a": "1"},
    "headers": "own",
    "authorization": "Bearer ana",
}


# What it may ask for


@pytest.mark.parametrize("parameter", [*EACH, ", ".join(EACH)])
def test_every_parameter_is_what_was_sent(tmp_path: Path, parameter: str) -> None:
    wanted = parameter.split(", ")
    seen = "[" + ", ".join(EACH[name] for name in wanted) + "]"
    with guarded(tmp_path, ASKING.format(parameters=parameter, seen=seen)) as http:
        headers = {**bearing("ana"), "x-own": "own", "content-type": "application/json"}
        response = http.post("/runs/wait?a=1", content=json.dumps(BODY), headers=headers)
    status, text = refusal(response)
    assert (status, json.loads(text)) == (418, [SENT[name] for name in wanted])


def test_every_parameter_that_is_offered_is_tested() -> None:
    assert set(EACH) == set(OFFERED)


def test_what_is_not_there_is_none(tmp_path: Path) -> None:
    parameters = "authorization, body, path_params, query_params, own='default', *, method"
    seen = "[authorization, body, path_params, query_params, own, method]"
    with guarded(tmp_path, ASKING.format(parameters=parameters, seen=seen)) as http:
        path = f"/threads/{UNKNOWN}/state"
        seen_by = {
            (method, content): json.loads(refusal(http.request(method, path, content=content))[1])
            for method, content in (("GET", b""), ("GET", b"{broken"))
        }
    found = [None, None, {"thread_id": UNKNOWN}, {}, "default", "GET"]
    assert list(seen_by.values()) == [found, found]


def test_a_handler_may_judge_the_body_and_the_operation_still_reads_it(tmp_path: Path) -> None:
    text = """
from langgraph_sdk import Auth
auth = Auth()
@auth.authenticate
async def authenticate(request, body):
    assert (await request.json()) == body
    return body["config"]["configurable"]["given"]
"""
    with guarded(tmp_path, text) as http:
        said = told(http, {}, config={"configurable": {"given": "ana"}})
        assert (said["id"], said["given"]) == ("ana", "ana")


# What it stands before


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A server that asks for a token, and believes it."""
    with guarded(tmp_path_factory.mktemp("bearer"), BEARER) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "content"),
    [
        ("POST", "/runs/wait", b"{broken"),
        ("POST", "/runs/wait", b'{"assistant_id": 5}'),
        ("POST", "/runs/stream", b'{"assistant_id": "no such graph"}'),
        ("GET", "/runs/no-id", b""),
        ("GET", f"/threads/{UNKNOWN}", b""),
        ("GET", f"/threads/{UNKNOWN}/history?limit=no-number", b""),
    ],
)
def test_without_a_user_nothing_is_said_about_the_request(
    http: httpx.Client, method: str, path: str, content: bytes
) -> None:
    assert refusal(http.request(method, path, content=content)) == (401, "Send a token")
    known = http.request(method, path, content=content, headers=bearing("ana"))
    assert known.status_code in (404, 422)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/ok", "/info", "/openapi.json"])
def test_what_is_nobodys_needs_no_user(http: httpx.Client, method: str, path: str) -> None:
    assert http.request(method, path).status_code == 200


def test_a_link_for_feedback_needs_no_user(http: httpx.Client) -> None:
    body = {"assistant_id": "agent", "input": {}, "feedback_keys": ["good"]}
    reply = accepted(http.post("/runs/wait", json=body, headers=bearing("ana")))
    run = f"/runs/{reply.headers['content-location'].rpartition('/')[2]}"
    [entry] = accepted(http.get(run, headers=bearing("ana"))).json()["feedback"]
    assert http.get(entry["url"], params={"score": 1}).status_code == 200
    assert http.get(run).status_code == 401


@pytest.mark.parametrize("studio", [True, False, None])
def test_nobody_passes_as_studio(tmp_path: Path, studio: bool | None) -> None:
    section = {} if studio is None else {"disable_studio_auth": studio}
    with guarded(tmp_path, BEARER, section=section) as http:
        for headers in ({"x-auth-scheme": "langsmith"}, {"x-auth-scheme": "langsmith-agent", "x-api-key": "any"}):
            assert refusal(http.post("/runs/wait", json=BODY, headers=headers)) == (401, "Send a token")
        assert told(http, {"x-auth-scheme": "langsmith", **bearing("ana")})["id"] == "ana"


# With keys, and in the document


def test_with_keys_both_are_asked_for(tmp_path: Path) -> None:
    with guarded(tmp_path, BEARER, api_keys=keys_in_list("here", "ops=sesame")) as http:
        key = {"x-api-key": "sesame"}
        for headers, status in (({}, 401), (bearing("ana"), 401), (key, 401), ({**key, **bearing("ana")}, 200)):
            assert http.post("/runs/wait", json=BODY, headers=headers).status_code == status, headers
        assert "x-api-key" in refusal(http.post("/runs/wait", json=BODY))[1]
        assert refusal(http.post("/runs/wait", json=BODY, headers=bearing("ana"))) == (401, "The API key is not valid")
        assert refusal(http.post("/runs/wait", json=BODY, headers=key)) == (401, "Send a token")
        assert (http.get("/info").status_code, http.get("/info", headers=key).status_code) == (401, 200)


OPENAPI = {
    "securitySchemes": {"Token": {"type": "http", "scheme": "bearer"}, "Cookie": {"type": "apiKey"}},
    "security": [{"Token": []}, {"Cookie": []}],
}


@pytest.mark.parametrize("keys", [False, True])
def test_the_document_says_how_to_authenticate(tmp_path: Path, keys: bool) -> None:
    settings = {"api_keys": keys_in_list("here", "ops=sesame")} if keys else {}
    with guarded(tmp_path, BEARER, section={"openapi": OPENAPI}, **settings) as http:
        document = accepted(http.get("/openapi.json", headers={"x-api-key": "sesame"})).json()
    assert OPENAPI["securitySchemes"].items() <= document["components"]["securitySchemes"].items()  # type: ignore[attr-defined]
    pairs: list[dict[str, list[str]]] = [
        {key: [], scheme: []} for key in ("ApiKey", "BearerKey") for scheme in ("Token", "Cookie")
    ]
    assert document["security"] == (pairs if keys else OPENAPI["security"])
    assert document["paths"]["/ok"]["get"]["security"] == []


def test_without_schemes_the_document_asks_for_none(http: httpx.Client) -> None:
    assert accepted(http.get("/openapi.json")).json()["security"] == []


# While it waits


@pytest.mark.parametrize("kind", ["async def", "def"])
def test_a_handler_that_waits_holds_up_nobody_else(tmp_path: Path, kind: str) -> None:
    """`slow` is known only once `fast` is."""
    text = f"""
import threading, asyncio
from langgraph_sdk import Auth
auth, known = Auth(), threading.Event()
async def wait():
    while not known.is_set():
        await asyncio.sleep(0.01)
@auth.authenticate
{kind} authenticate(authorization):
    if authorization == "slow":
        {"await wait()" if kind == "async def" else "known.wait()"}
    elif authorization == "fast":
        known.set()
    return authorization
"""
    with guarded(tmp_path, text) as http, ThreadPoolExecutor(1) as pool:
        slow = pool.submit(told, http, {"authorization": "slow"})
        assert told(http, {"authorization": "else"})["id"] == "else"
        assert not slow.done()
        assert told(http, {"authorization": "fast"})["id"] == "fast"
        assert slow.result()["id"] == "slow"


def test_nodes_that_occupy_all_their_threads_hold_up_no_handler(tmp_path: Path) -> None:
    text = BEARER.replace("async def", "def")
    graph = """
import threading
from typing import TypedDict
from langgraph.graph import START, StateGraph
released = threading.Event()
def block(state):
    assert released.wait(300)
builder = StateGraph(TypedDict("State", {"a": int}, total=False))
for number in range(64):
    builder.add_node(str(number), block).add_edge(START, str(number))
graph = builder.compile()
"""
    config = guarded_project(tmp_path, text)
    tmp_path.joinpath("telling.py").write_text(graph)
    with serving(config, concurrency=1) as live, live.client() as http:
        run = accepted(http.post("/runs", json=BODY, headers=bearing("ana"))).json()
        path, released = f"/runs/{run['run_id']}", loaded(tmp_path / "telling.py").released
        try:
            until(lambda: _at_work(released) >= 32)
            assert accepted(http.get(path, headers=bearing("ana"), timeout=60)).json()["status"] == "running"
        finally:
            released.set()
        accepted(http.get(f"{path}/join", headers=bearing("ana")))


def _at_work(event: threading.Event) -> int:
    """How many threads wait for it."""
    return len(event._cond._waiters)  # type: ignore[attr-defined]
