"""The server's answers about itself, and its answers to any path, method and origin."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

import treadle_api.operations as op
from tests.live import DEADLINE, GRAPHS, serving

pytestmark = pytest.mark.edge

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
SERVED = {
    "/ok": "GET",
    "/info": "GET",
    "/openapi.json": "GET",
    "/runs": "POST",
    "/runs/wait": "POST",
    "/runs/stream": "POST",
    "/runs/{run_id}": "GET",
    "/runs/{run_id}/join": "GET",
    "/runs/{run_id}/stream": "GET",
}
RUN_ID = "01a1fbfa-f076-71e2-846d-8bfe389bea95"


def filled(path: str) -> str:
    """A path with an id for each of its parameters."""
    return re.sub(r"\{\w+\}", RUN_ID, path)


@pytest.fixture(scope="module")
def document(server: Any) -> Any:
    """The served document."""
    return httpx.get(f"{server.url}/openapi.json", timeout=DEADLINE).json()


@pytest.mark.shows("health_check", "check_db=0,1 200")
@pytest.mark.parametrize("query", ["", "?check_db=0", "?check_db=1", "?unknown=1"])
def test_ok(http: httpx.Client, query: str) -> None:
    response = http.get(f"/ok{query}")
    assert (response.status_code, response.text) == (200, '{"ok":true,"services":{}}')
    assert response.headers["content-type"] == "application/json"


@pytest.mark.shows("health_check", "422")
@pytest.mark.parametrize("value", ["true", "2", "x", "1.5", "9" * 5000], ids=lambda text: text[:5])
def test_ok_refuses_another_check_db_by_name(http: httpx.Client, value: str) -> None:
    response = http.get("/ok", params={"check_db": value})
    assert response.status_code == 422
    assert "check_db" in response.json()["detail"]


@pytest.mark.shows("server_info", "200")
def test_info_says_what_is_served(http: httpx.Client) -> None:
    host = {
        "kind": "self-hosted",
        "project_id": None,
        "host_revision_id": None,
        "revision_id": None,
        "tenant_id": None,
    }
    info = http.get("/info").json()
    assert info["version"] == version("treadle")
    assert info["langgraph_py_version"] == version("langgraph")
    assert info["host"] == info["metadata"] == host
    assert list(info["flags"]) == [
        "assistants",
        "crons",
        "langsmith",
        "langsmith_tracing_replicas",
        "langsmith_tracing_session_on_runs",
    ]
    assert info["flags"]["langsmith"] is False


# The served document


@pytest.mark.shows("openapi_document", "200")
def test_the_document_is_valid_openapi(document: Any) -> None:
    assert document["openapi"].startswith("3.1")
    pytest.importorskip("openapi_spec_validator").OpenAPIV31SpecValidator(document).validate()


@pytest.mark.shows("openapi_document", "200")
def test_the_document_lists_exactly_what_is_served(http: httpx.Client, document: Any) -> None:
    assert all(method.lower() in document["paths"][path] for path, method in SERVED.items())
    for path, item in document["paths"].items():
        for method in METHODS:
            response = http.request(method, filled(path), content=b"")
            served = method.lower() in item or (method == "HEAD" and "get" in item)
            assert (response.status_code == 405) != served, (method, path)
            assert response.text != '{"detail":"Not Found"}', (method, path)


@pytest.mark.parametrize("path", ["/runs", "/runs/wait", "/runs/stream"])
def test_the_document_names_every_header_of_a_created_run(http: httpx.Client, document: Any, path: str) -> None:
    body, key = {"assistant_id": "simple", "input": {"foo": 1}, "unknown": 1}, {"idempotency-key": f"headers of {path}"}
    http.post(path, json=body, headers=key)
    response = http.post(path, json=body, headers=key)
    declared = {name.lower() for name in document["paths"][path]["post"]["responses"]["200"]["headers"]}
    own = {"content-location", "location", "idempotent-replayed", "treadle-ignored", "server-timing"}
    assert declared == own & set(response.headers)


# Any path and method


@pytest.mark.parametrize("path", ["/nope", "/run", "/runs/x/y", "/threads/x/y", "/%00"])
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_an_unknown_path(http: httpx.Client, method: str, path: str) -> None:
    response = http.request(method, path)
    assert (response.status_code, response.text) == (404, '{"detail":"Not Found"}')
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize("path", SERVED)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"])
def test_a_wrong_method_is_told_the_right_ones(http: httpx.Client, document: Any, method: str, path: str) -> None:
    allowed = {name.upper() for name in document["paths"][path] if name.upper() in METHODS}
    allowed |= {"HEAD"} if "GET" in allowed else set()
    if method not in allowed:
        response = http.request(method, filled(path))
        assert response.status_code == 405
        assert set(response.headers["allow"].split(", ")) == allowed
        assert response.text == ("" if method == "HEAD" else '{"detail":"Method Not Allowed"}')


@pytest.mark.parametrize("operation", op.ALL, ids=lambda operation: operation.name)
@pytest.mark.parametrize("slashes", ["{path}/", "{path}//", "/{path}"])
def test_a_path_with_one_slash_more_is_another_path(http: httpx.Client, operation: Any, slashes: str) -> None:
    url = str(http.base_url).rstrip("/") + slashes.format(path=filled(operation.path))
    response = http.request(operation.method, url, content=b"{}" if operation.body_pointer else None)
    assert (response.status_code, response.text) == (404, '{"detail":"Not Found"}')
    assert "location" not in response.headers


def test_nothing_is_compressed(http: httpx.Client) -> None:
    response = http.get("/openapi.json", headers={"accept-encoding": "gzip, br, zstd"})
    assert "content-encoding" not in response.headers


@pytest.mark.parametrize("headers", [{"x-api-key": "any"}, {"authorization": "Bearer any"}], ids=str)
def test_a_key_is_accepted_where_none_is_asked_for(http: httpx.Client, headers: dict[str, str]) -> None:
    assert http.post("/runs", json={"assistant_id": "simple"}, headers=headers).status_code == 200


# Browsers

ORIGIN = {"origin": "https://app.example"}
EXPOSED = {
    "x-pagination-total",
    "x-pagination-next",
    "content-location",
    "location",
    "idempotent-replayed",
    "treadle-ignored",
    "server-timing",
}
ASKED = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key,content-type"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ok", 200),
        ("POST", "/runs", 422),
        ("GET", "/nope", 404),
        ("GET", f"/runs/{RUN_ID}", 404),
        ("PUT", "/runs", 405),
    ],
)
def test_any_origin_may_read_any_answer(http: httpx.Client, method: str, path: str, status: int) -> None:
    response = http.request(method, path, headers=ORIGIN)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == "*"
    assert set(response.headers["access-control-expose-headers"].split(", ")) == EXPOSED
    assert "access-control-allow-credentials" not in response.headers


@pytest.mark.parametrize("path", ["/runs/wait", "/runs/stream"])
def test_any_origin_may_read_a_streamed_answer(http: httpx.Client, path: str) -> None:
    response = http.post(path, json={"assistant_id": "simple"}, headers=ORIGIN)
    assert response.headers["access-control-allow-origin"] == "*"
    assert "content-location" in response.headers["access-control-expose-headers"]


def test_a_preflight_is_answered(http: httpx.Client) -> None:
    response = http.options("/runs", headers=ORIGIN | ASKED)
    assert (response.status_code, response.text) == (200, "OK")
    assert response.headers["content-type"] == "text/plain; charset=utf-8"
    assert response.headers["access-control-allow-headers"] == "x-api-key,content-type"
    assert response.headers["access-control-max-age"] == "600"
    allowed = response.headers["access-control-allow-methods"]
    assert set(allowed.split(", ")) >= {"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}


def test_a_preflight_for_no_method_at_all_is_refused(http: httpx.Client) -> None:
    response = http.options("/runs", headers=ORIGIN | {"access-control-request-method": "BOGUS"})
    assert (response.status_code, response.text) == (400, "Disallowed CORS method")


@pytest.fixture(scope="module")
def guarded() -> Iterator[httpx.Client]:
    """A client of a server that lets one origin in."""
    with (
        serving(cors_allow_origins=("https://app.example",)) as live,
        live.client() as client,
    ):
        yield client


@pytest.mark.parametrize(("origin", "allowed"), [("https://app.example", True), ("https://other.example", False)])
def test_origins_can_be_limited(guarded: httpx.Client, origin: str, allowed: bool) -> None:
    seen = guarded.get("/ok", headers={"origin": origin}).headers.get("access-control-allow-origin")
    assert seen == (origin if allowed else None)
    assert guarded.options("/runs", headers=ASKED | {"origin": origin}).status_code == (200 if allowed else 400)


CLOSING = {
    "disable_assistants": {"Assistants"},
    "disable_runs": {"Stateless Runs", "Thread Runs"},
    "disable_store": {"Store"},
    "disable_threads": {"Threads"},
}


@pytest.mark.parametrize("switch", CLOSING)
def test_closed_operations_are_not_there_and_not_in_the_document(tmp_path: Path, switch: str) -> None:
    graphs = {"simple": f"{GRAPHS.with_name('graphs_under_test.py')}:simple"}
    config = tmp_path / "langgraph.json"
    config.write_text(json.dumps({"graphs": graphs, "http": {switch: True}}))
    with serving(config) as live, live.client() as http:
        paths = http.get("/openapi.json").json()["paths"]
        published = [operation for item in paths.values() for operation in item.values()]
        answers = [answer for operation in published for answer in operation["responses"].values()]
        linked = {link["operationId"] for answer in answers for link in answer.get("links", {}).values()}
        assert linked and linked <= {operation["operationId"] for operation in published}
        for operation in op.ALL:
            closed = operation.tag in CLOSING[switch]
            assert (operation.method.lower() not in paths.get(operation.path, {})) == closed
            path = re.sub(r"\{\w+\}", str(uuid4()), operation.path)
            answer = http.request(operation.method, path, content=b"{" if operation.body_pointer else None)
            absent = answer.json() in ({"detail": "Not Found"}, {"detail": "Method Not Allowed"})
            assert absent == closed, (operation.name, answer.text)
        assert http.get("/info").json()["flags"]["assistants"] == (switch != "disable_assistants")


@pytest.mark.parametrize(("method", "path"), [each for each in op.UNSERVED if each != ("GET", "/docs")])  # a page
def test_an_operation_that_is_not_served_is_named(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, re.sub(r"\{\w+\}", str(uuid4()), path), json={})
    assert answer.status_code in (404, 405)
    advice = "; send the run without a thread" if path.startswith("/threads/{thread_id}/runs") else ""
    advice = "" if path.endswith("/crons") else advice
    assert answer.json() == {"detail": f"Treadle does not serve {method} {path}{advice}"}
