"""The log of refused requests: one line each, which quotes nothing of a body, a query or a token."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.cli.processes import Serving, serve
from tests.live import DEADLINE, GRAPHS, until
from tests.web.calls import UNKNOWN

SECRET = "hunter2"
SECRETS = {"secret": SECRET, "more": [f'{SECRET}\'s "quoted"', {SECRET: SECRET}]}
RUN = {"assistant_id": "simple", "input": {"foo": 1}}
Line = dict[str, Any]


@pytest.fixture(scope="module")
def process() -> Iterator[Serving]:
    """A server with keys that logs at level debug, takes bodies of 2000 bytes, and waits 2.4 seconds for a request."""
    variables = {
        "TREADLE_API_KEYS": "ana=secret",
        "HTTP_MAX_REQUEST_BODY_BYTES": "2000",
        "HEARTBEAT_SECONDS": "0.2",
        "MAX_QUEUED_RUNS": "1",
        "N_JOBS_PER_WORKER": "1",
    }
    with serve("--port", "0", "--log-level", "debug", config=GRAPHS, DATABASE_URI="memory://", **variables) as running:
        yield running


@pytest.fixture
def http(process: Serving) -> Iterator[httpx.Client]:
    """A client with a key."""
    with httpx.Client(base_url=process.url, headers={"x-api-key": "secret"}, timeout=DEADLINE) as client:
        yield client


def refusals(process: Serving) -> list[Line]:
    """The lines about requests that were refused."""
    return [line for line in process.lines() if line["event"] == "a request was refused"]


def new_line(process: Serving, before: list[Line]) -> Line:
    """The one line since `before`."""
    found = until(lambda: refusals(process)[len(before) :])
    assert len(found) == 1
    assert SECRET not in json.dumps(process.lines())
    return found[0]


@pytest.mark.parametrize(
    ("method", "path", "options", "expected"),
    [
        ("POST", "/runs", {"json": {**RUN, "metadata": SECRET}}, ("info", 422, "create_run", "type")),
        ("POST", "/runs/wait", {"json": {**RUN, "stream_mode": SECRET}}, ("info", 422, "wait_run", "stream_mode")),
        ("POST", "/runs/wait", {"json": {"input": SECRETS}}, ("info", 422, "wait_run", "required")),
        ("POST", "/runs", {"json": {**RUN, "assistant_id": SECRET}}, ("info", 422, "create_run", "assistant_id: ")),
        ("POST", "/runs", {"json": {**RUN, "checkpoint": SECRETS["more"]}}, ("info", 422, "create_run", "checkpoint")),
        ("POST", "/runs", {"json": {**RUN, "checkpoint_id": SECRET}}, ("info", 422, "create_run", "checkpoint_id")),
        ("POST", "/runs", {"json": {**RUN, "webhook": f"ftp://{SECRET}/"}}, ("info", 422, "create_run", "webhook")),
        ("POST", "/runs", {"content": f'{{"{SECRET}": '}, ("info", 422, "create_run", "Invalid JSON")),
        ("POST", "/runs", {"content": "[" * 300 + "]" * 300}, ("info", 400, "create_run", "254 levels")),
        ("POST", "/runs", {"content": SECRET * 1000}, ("info", 413, "create_run", "HTTP_MAX_REQUEST_BODY_BYTES")),
        ("POST", "/threads", {"json": {"thread_id": SECRET}}, ("info", 422, "create_thread", "thread_id")),
        ("GET", f"/runs/{UNKNOWN}", {}, ("info", 404, "get_run", UNKNOWN)),
        ("GET", f"/runs/{UNKNOWN}/stream", {"params": {"stream_mode": SECRET}}, ("info", 422, "join_run_stream", "s")),
        ("GET", f"/runs/{UNKNOWN}/feedback/{SECRET}", {"params": {"score": 1}}, ("info", 403, None, "not valid")),
        ("GET", f"/runs/{UNKNOWN}/feedback/{SECRET}", {"params": {"score": SECRET}}, ("info", 422, None, "score")),
        ("HEAD", f"/runs/{UNKNOWN}", {"params": {"q": SECRET}}, ("info", 404, "get_run", UNKNOWN)),
        ("PUT", "/runs", {"content": SECRET, "params": {"q": SECRET}}, ("info", 405, None, "Method Not Allowed")),
        ("GET", f"/runs/{UNKNOWN}/feedback/{SECRET}/", {}, ("debug", 404, None, "Not Found")),
        ("GET", "/nowhere", {"params": {"q": SECRET}}, ("debug", 404, None, "Not Found")),
        ("GET", "/info", {"headers": {"x-api-key": SECRET}}, ("debug", 401, None, "not valid")),
    ],
    ids=str,
)
def test_a_refused_request_leaves_one_line(
    process: Serving, http: httpx.Client, method: str, path: str, options: Any, expected: tuple[Any, ...]
) -> None:
    before, (level, status, operation, said) = refusals(process), expected
    assert http.request(method, path, **options).status_code == status
    line = new_line(process, before)
    assert (line["level"], line["status"], line["method"]) == (level, status, method)
    assert line["path"] == path.replace(f"/feedback/{SECRET}", "/feedback/…").removesuffix("/")
    assert operation is None or line["operation"] == operation
    assert said in line["detail"]
    assert "\n" not in line["detail"] and len(line["detail"]) < 300


def test_a_queue_that_is_full(process: Serving, http: httpx.Client) -> None:
    run = {"assistant_id": "slow", "input": {"seconds": 60}}
    assert [http.post("/runs", json=run).status_code for _ in range(2)] == [200, 200]
    before = refusals(process)
    assert http.post("/runs", json=run).status_code == 503
    line = new_line(process, before)
    assert (line["status"], line["operation"]) == (503, "create_run")
    assert "MAX_QUEUED_RUNS" in line["detail"]
    assert http.post("/runs/cancel", json={"status": "all"}).status_code == 204


@pytest.mark.parametrize(
    ("sent", "status", "path"),
    [
        (b"GET /" + b"x" * 70_000, 431, None),
        (f"GET /{SECRET} HTTP/1.1\r\nx-half: {SECRET}".encode(), 408, None),
        (b"POST /runs HTTP/1.1\r\nhost: x\r\nx-api-key: secret\r\ncontent-length: 100\r\n\r\n{", 408, "/runs"),
    ],
    ids=["too large", "half a head", "half a body"],
)
def test_a_request_that_does_not_come(process: Serving, sent: bytes, status: int, path: str | None) -> None:
    before, address = refusals(process), httpx.URL(process.url)
    with closing(socket.create_connection((address.host, address.port), timeout=DEADLINE)) as connection:
        connection.sendall(sent)
        assert connection.recv(100_000).startswith(f"HTTP/1.1 {status} ".encode())
    line = new_line(process, before)
    assert (line["level"], line["status"], line["path"]) == ("info", status, path)


def test_what_is_not_http_leaves_a_line_of_uvicorn(process: Serving) -> None:
    def found() -> int:
        return sum(line["event"] == "Invalid HTTP request received." for line in process.lines())

    before, address = found(), httpx.URL(process.url)
    with closing(socket.create_connection((address.host, address.port), timeout=DEADLINE)) as connection:
        connection.sendall(b"no request at all\r\n\r\n")
        assert connection.recv(100_000).startswith(b"HTTP/1.1 400 ")
    until(lambda: found() == before + 1)


def test_a_state_that_no_graph_takes(process: Serving, http: httpx.Client) -> None:
    """A graph's message about a value may quote the value."""
    before = refusals(process)
    steps = [{"updates": [{"values": {"foo": SECRET}, "as_node": SECRET}]}]
    response = http.post("/threads", json={"metadata": {"graph_id": "simple"}, "supersteps": steps})
    assert response.status_code == 422
    assert SECRET in response.json()["detail"]
    assert new_line(process, before)["detail"].startswith("supersteps: ")


def test_an_accepted_request_leaves_none(process: Serving, http: httpx.Client) -> None:
    before = refusals(process)
    for _ in range(3):
        assert http.post("/runs/wait", json=RUN).status_code == 200
        assert http.get("/ok").status_code == http.head("/ok").status_code == 200
    assert http.get("/nowhere").status_code == 404
    assert new_line(process, before)["path"] == "/nowhere"
