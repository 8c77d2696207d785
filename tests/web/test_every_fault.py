"""The faults that reading a request may find, sent to every operation that may find them.

Each of them is answered with a status that the served document declares, and with `{"detail": "…"}`.
"""

from __future__ import annotations

import json
import re
import socket
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

import treadle_api.operations as op
from tests.live import DEADLINE, LiveServer, serving
from tests.web.calls import create, ended
from tests.web.creating import EVERY
from tests.web.sockets import PATIENT, dial, rest
from tests.web.test_every_status import SMALLEST, Operation, declaring, send
from treadle.encoding import MAX_DEPTH
from treadle.keys import keys_in_list

pytestmark = pytest.mark.edge


@pytest.fixture(scope="module")
def declared(server: LiveServer) -> Any:
    """The paths of the served document."""
    return httpx.get(f"{server.url}/openapi.json").json()["paths"]


def refused(declared: Any, operation: Operation, status: int, answer: httpx.Response | bytes) -> str:
    """The detail of a refusal, whose status the operation declares."""
    assert str(status) in declared[operation.path][operation.method.lower()]["responses"]
    if isinstance(answer, bytes):
        head, _, body = answer.partition(b"\r\n\r\n")
        assert head.startswith(f"HTTP/1.1 {status} ".encode()), answer
        assert b"\r\ncontent-type: application/json\r\n" in head
        found = json.loads(body)
    else:
        assert answer.status_code == status, answer.text
        assert answer.headers["content-type"] == "application/json"
        found = answer.json()
    assert list(found) == ["detail"]
    return str(found["detail"])


def test_what_may_be_refused_follows_from_what_an_operation_reads(declared: Any) -> None:
    for operation in op.ALL:
        statuses = {400, 408, 431}
        statuses |= {413, 422} if operation.body_pointer else set()
        statuses |= {422} if operation.parameters else set()
        assert statuses <= operation.statuses, operation.name
        keyless = operation.name in ("health_check", "give_feedback", "give_feedback_by_link")
        assert (401 in operation.statuses) != keyless
        assert {int(status) for status in declared[operation.path][operation.method.lower()]["responses"]} == set(
            operation.statuses
        )


@declaring(400, body=True)
@pytest.mark.parametrize("innermost", [b"[]", b"{}"])
def test_a_body_that_is_too_deep(http: httpx.Client, declared: Any, operation: Operation, innermost: bytes) -> None:
    """By one level, and by many."""
    for levels in (MAX_DEPTH, 300):
        for around in (b'{"deep":%b}', b"[%b]"):
            content = around % (b"[" * (levels - 1) + innermost + b"]" * (levels - 1))
            response = send(http, operation, str(uuid4()), content)
            assert f"deeper than {MAX_DEPTH} levels" in refused(declared, operation, 400, response)


@declaring(422, body=True)
@pytest.mark.parametrize("content", [b"5", b"null", b'"text"', b"true", b"\xff", b"{}]", b"NaN"])
def test_a_body_of_a_wrong_type(http: httpx.Client, declared: Any, operation: Operation, content: bytes) -> None:
    assert refused(declared, operation, 422, send(http, operation, str(uuid4()), content))


# Faults that are found before the operation is known: every operation refuses them alike.


def request_line(operation: Operation) -> bytes:
    """The beginning of a request for an operation, with ids that do not exist."""
    path = re.sub(r"\{\w+\}", str(uuid4()), operation.path)
    return f"{operation.method} {path} HTTP/1.1\r\nhost: x\r\n".encode()


@declaring(400)
@pytest.mark.parametrize("line", [b"no header\r\n\r\n", b"x: a\x00b\r\n\r\n", b"content-length: -1\r\n\r\n"])
def test_what_is_not_http(server: LiveServer, declared: Any, operation: Operation, line: bytes) -> None:
    with closing(dial(server)) as connection:
        connection.sendall(request_line(operation) + line)
        assert refused(declared, operation, 400, rest(connection)) == "Invalid HTTP request received."


@pytest.mark.parametrize("protocol", ["websocket", "h2c"])
@pytest.mark.parametrize("operation", op.ALL, ids=lambda operation: operation.name)
def test_what_asks_for_another_protocol_is_answered_in_this_one(
    server: LiveServer, operation: Operation, protocol: str
) -> None:
    upgrade = f"connection: upgrade, close\r\nupgrade: {protocol}\r\nsec-websocket-version: 13\r\n"
    upgrade += "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    line = request_line(operation) + (b"content-length: 1\r\n" if operation.body_pointer else b"")
    statuses = []
    for more in ("connection: close\r\n", upgrade):
        with closing(dial(server)) as connection:
            connection.sendall(line + more.encode() + b"\r\n" + (b"{" if operation.body_pointer else b""))
            with connection.makefile("rb") as answer:
                statuses.append(answer.readline().split(b" ")[1])
    assert statuses[0] == statuses[1]
    assert int(statuses[0]) in operation.statuses


@declaring(431)
def test_headers_that_are_too_large(server: LiveServer, declared: Any, operation: Operation) -> None:
    with closing(dial(server)) as connection:
        connection.sendall(request_line(operation) + b"x-many: " + b"x" * 70_000)
        assert "65536 bytes" in refused(declared, operation, 431, rest(connection))


@pytest.fixture(scope="module")
def late() -> Iterator[Mapping[str, socket.socket]]:
    """A connection for each operation, on which half a request for it was sent."""
    with serving(heartbeat=PATIENT) as live, ExitStack() as opened:
        connections = {operation.name: opened.enter_context(closing(dial(live))) for operation in op.ALL}
        for operation in op.ALL:
            connections[operation.name].sendall(request_line(operation) + b"x-half: ")
        yield connections


@declaring(408)
def test_a_request_that_does_not_come(late: Mapping[str, socket.socket], declared: Any, operation: Operation) -> None:
    assert "HEARTBEAT_SECONDS" in refused(declared, operation, 408, rest(late[operation.name]))


@pytest.fixture(scope="module")
def keyed() -> Iterator[httpx.Client]:
    """A client, without a key, of a server with keys."""
    with serving(api_keys=keys_in_list("test", "ana=secret")) as live, live.client() as client:
        yield client


@declaring(401)
@pytest.mark.parametrize("headers", [{}, {"x-api-key": "other"}, {"authorization": "Bearer other"}, {"x-api-key": ""}])
def test_no_valid_key(keyed: httpx.Client, declared: Any, operation: Operation, headers: dict[str, str]) -> None:
    path = re.sub(r"\{\w+\}", "bogus", operation.path)
    answer = keyed.request(operation.method, path, headers=headers, content=b"{" if operation.body_pointer else None)
    assert refused(declared, operation, 401, answer)
    assert answer.headers["www-authenticate"] == "Bearer"


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[httpx.Client, dict[str, Any]]]:
    """A client of a server whose store has lost its tables, and a run that was in it, with a link for feedback."""
    file: Path = tmp_path_factory.mktemp("broken") / "runs.db"
    with serving(database_uri=f"sqlite:///{file}") as live, live.client() as http:
        run = ended(http, create(http, "simple", {"foo": 1}, on_completion="keep", feedback_keys=["helpful"])["run_id"])
        path = f"/threads/{run['thread_id']}/state"
        checkpoint_id = http.get(path).json()["checkpoint_id"]
        token = run["feedback"][0]["url"].rpartition("/")[2]
        http.put("/store/items", json=VALID["put_item"])
        for each in (file, file.with_name("items.db")):
            with closing(sqlite3.connect(each, timeout=DEADLINE)) as connection:
                tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
                for number, name in enumerate(tables):
                    if not name.startswith("sqlite_"):
                        connection.execute(f"ALTER TABLE {name} RENAME TO gone_{number}")
        yield http, {**run, "checkpoint_id": checkpoint_id, "token": token, "namespace": "any"}


RUN = {"assistant_id": "simple", "input": {"foo": 1}}
VALID: dict[str, Any] = {
    **dict.fromkeys(EVERY.split(), RUN),
    "create_run_batch": [RUN],
    "cancel_runs": {"status": "all"},
    "give_feedback": {"score": 1},
    "put_item": {"namespace": ["a"], "key": "k", "value": {}},
    "delete_item": {"namespace": ["a"], "key": "k"},
    "create_assistant": {"graph_id": "simple"},
}


@declaring(503, but=(op.health_check,))
def test_a_store_that_does_not_answer(
    broken: tuple[httpx.Client, dict[str, Any]], declared: Any, operation: Operation
) -> None:
    http, run = broken
    path = re.sub(r"\{(\w+)\}", lambda found: str(run[found[1]]), operation.path)
    body = VALID.get(operation.name, json.loads(SMALLEST)) if operation.body_pointer else None
    params = {"give_feedback_by_link": {"score": "1"}, "get_item": {"key": "k"}}.get(operation.name)
    response = http.request(operation.method, path, json=body, params=params)
    assert "store is not available" in refused(declared, operation, 503, response)
    assert response.headers["retry-after"] == "1"


@pytest.mark.parametrize("operation", op.ALL, ids=lambda operation: operation.name)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_another_method(http: httpx.Client, operation: Operation, method: str) -> None:
    if (
        method in {each.method for each in op.ALL if each.path == operation.path}
        or (method, operation.path) in op.UNSERVED
    ):
        return
    response = http.request(method, re.sub(r"\{\w+\}", str(uuid4()), operation.path))
    assert (response.status_code, response.json()) == (405, {"detail": "Method Not Allowed"})
