"""The refusals that every operation has in common, tested for each operation that declares them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

import treadle_api.operations as op
from tests.live import serving, until
from tests.web.creating import EVERY, PATHS, Creator

pytestmark = pytest.mark.edge

shows = pytest.mark.shows
Operation = op.Operation[Any, Any, Any]
SMALLEST = b'{"checkpoint": {}, "version": 1}'
"""A body that every operation with an id in its path accepts."""


def declaring(
    status: int, *, ids: bool = False, body: bool = False, but: tuple[Operation, ...] = ()
) -> pytest.MarkDecorator:
    """Each operation that declares the status, and has ids in its path or a body if that is asked for; without those in
    `but`, for which the status means something else.
    """
    signed = {operation for operation in op.ALL if status == 404 and "{token}" in operation.path}  # 403 comes first
    found = [
        operation
        for operation in op.ALL
        if status in operation.statuses
        and operation not in (*signed, *but)
        and (not ids or any(parameter.kind == "uuid" for parameter in operation.parameters))
        and (not body or operation.body_pointer is not None)
    ]
    cases = [pytest.param(each, id=each.name, marks=shows(each.name, str(status))) for each in found]
    return pytest.mark.parametrize("operation", cases)


def send(http: httpx.Client, operation: Operation, identifier: str, content: bytes | None = None) -> httpx.Response:
    """The answer to a request with `identifier` for each id in its path."""
    path = re.sub(r"\{\w+\}", identifier, operation.path)
    if operation.body_pointer is not None:
        content = content or SMALLEST
    return http.request(operation.method, path, content=content)


@declaring(404, ids=True)
def test_an_unknown_id(http: httpx.Client, operation: Operation) -> None:
    unknown = str(uuid4())
    response = send(http, operation, unknown)
    assert response.status_code == 404
    assert unknown in response.json()["detail"]


@declaring(422, ids=True)
@pytest.mark.parametrize("malformed", ["bogus", "0" * 31])
def test_a_malformed_id(http: httpx.Client, operation: Operation, malformed: str) -> None:
    response = send(http, operation, malformed)
    assert response.status_code == 422
    assert re.match("(thread|run|assistant)_id: ", response.json()["detail"])


@declaring(422, body=True)
def test_a_body_that_is_not_json(http: httpx.Client, operation: Operation) -> None:
    response = send(http, operation, str(uuid4()), b"{")
    assert response.status_code == 422
    assert response.json()["detail"].startswith("Invalid JSON in request body")


@pytest.fixture(scope="module")
def small() -> Iterator[httpx.Client]:
    """A client of a server that takes bodies of up to 100 bytes."""
    with serving(max_body_bytes=100) as live, live.client() as client:
        yield client


@declaring(413)
def test_a_body_that_is_too_large(small: httpx.Client, operation: Operation) -> None:
    response = send(small, operation, str(uuid4()), b" " * 101)
    limit = "limit: 100 bytes, set by HTTP_MAX_REQUEST_BODY_BYTES"
    assert (response.status_code, response.json()) == (413, {"detail": f"Request body too large ({limit})"})


@pytest.fixture(scope="module")
def closing() -> Iterator[httpx.Client]:
    """A client of a server that has been told to end, as by a signal, and waits for a run."""
    with serving() as live, live.client() as client:
        runs = live.services.runs
        runs._worker._tasks[0].get_loop().call_soon_threadsafe(runs.close)
        until(lambda: runs._closing)
        yield client


@shows("health_check", "503")
def test_a_server_that_is_ending_says_so(closing: httpx.Client) -> None:
    assert closing.get("/ok").status_code == 503
    assert closing.get("/info").status_code == 200


@shows("create_thread", "503")
def test_a_server_that_is_ending_takes_no_new_threads(closing: httpx.Client) -> None:
    response = closing.post("/threads", json={})
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")


@shows(EVERY, "503")
@pytest.mark.parametrize("operation", PATHS)
def test_a_server_that_is_ending_takes_no_new_runs(closing: httpx.Client, operation: str) -> None:
    response = Creator(closing, operation).post("simple", {"foo": 1})
    assert (response.status_code, response.headers["retry-after"]) == (503, "1")
    assert response.json() == {"detail": "The server is shutting down and takes no new runs."}
