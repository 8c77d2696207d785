"""HEAD on every route that has a GET: its status and headers at once, no content, and no effect of the GET."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import httpx
import pytest

import treadle_api.operations as op
from tests.live import LiveServer, serving, until
from tests.web.calls import Json, create, detail, ended
from tests.web.keeping import kept, slow_run, thread_path
from tests.web.test_feedback import entries, url
from treadle.keys import keys_in_list

pytestmark = pytest.mark.edge

GETS = [operation for operation in op.ALL if operation.method == "GET"]
PARTS = ["join", "stream"]
VOLATILE = {"date", "server-timing", "content-length"}
"""Headers whose value may differ a moment later, as the length of some answers does."""


def filled(operation: op.Operation[Any, Any, Any], of: Json) -> str:
    """The path of an operation for a run, its thread and its assistant."""
    return re.sub(r"\{(\w+)\}", lambda found: str(of[found[1]]), operation.path)


def compared(response: httpx.Response) -> tuple[int, dict[str, str], list[str]]:
    """The status and headers that a HEAD and a GET share."""
    names = [name.decode().lower() for name, _ in response.headers.raw if name.lower() != b"transfer-encoding"]
    values = {name: value for name, value in response.headers.items() if name in names and name not in VOLATILE}
    return response.status_code, values, names


@pytest.mark.parametrize("operation", GETS, ids=lambda operation: operation.name)
@pytest.mark.parametrize("known", [True, False])
def test_a_head_is_answered_like_a_get(http: httpx.Client, operation: op.Operation[Any, Any, Any], known: bool) -> None:
    of: Json = {name: str(uuid4()) for name in ("run_id", "thread_id", "assistant_id", "checkpoint_id", "namespace")}
    query = {}
    if known:
        run = kept(http, "nested", {"foo": 1}, feedback_keys=["helpful"])
        of |= run | {"checkpoint_id": http.get(f"{thread_path(run)}/state").json()["checkpoint_id"]}
        of |= {"namespace": "child", "token": url(detail(http, run["run_id"])).rpartition("/")[2]}
        query = {"score": "1"} if operation is op.give_feedback_by_link else {}
    path = filled(operation, {"token": "unknown", **of})
    head = http.head(path, params=query)
    got = http.get(path, params=query)
    assert compared(head) == compared(got)
    assert head.content == b""
    if "content-length" in got.headers and operation is not op.server_info:
        assert abs(int(head.headers["content-length"]) - len(got.content)) <= 2
    assert known == head.is_success or "{" not in operation.path


@pytest.mark.parametrize("path", ["/ok?check_db=2", "/runs/bogus", "/runs/bogus/stream", "/nope"])
def test_a_head_is_refused_like_a_get(http: httpx.Client, path: str) -> None:
    head, got = http.head(path), http.get(path)
    assert compared(head) == compared(got)
    assert head.content == b""
    assert int(head.headers["content-length"]) == len(got.content)


@pytest.mark.parametrize("under", ["/runs/{run_id}", "/threads/{thread_id}/runs/{run_id}"])
@pytest.mark.parametrize("part", PARTS)
def test_a_head_does_not_wait_for_the_run_and_cannot_cancel_it(
    server: LiveServer, http: httpx.Client, under: str, part: str
) -> None:
    run = slow_run(http, stream_resumable=True)
    path = under.format(**run)
    response = http.head(f"{path}/{part}", params={"cancel_on_disconnect": "true"}, headers={"last-event-id": "-1"})
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["location"] == f"{path}/{part}"
    assert response.headers["content-location"] == path
    with httpx.Client(base_url=http.base_url) as leaving:
        leaving.head(f"{path}/{part}", params={"cancel_on_disconnect": "true"})
    assert detail(http, run["run_id"])["status"] == "running"
    assert http.post(f"/runs/{run['run_id']}/cancel", params={"wait": "true"}).status_code == 200


def test_a_connection_is_used_again_after_a_head(server: LiveServer) -> None:
    limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
    with server.client(limits=limits) as http:
        run = slow_run(http)
        for path in ("/ok", f"/runs/{run['run_id']}/stream", f"/runs/{run['run_id']}/join", "/nope"):
            http.head(path)
        stream = http.get("/ok").extensions["network_stream"].get_extra_info("client_addr")
        assert http.head("/ok").extensions["network_stream"].get_extra_info("client_addr") == stream
        assert http.post(f"/runs/{run['run_id']}/cancel", params={"wait": "true"}).status_code == 200


def test_a_head_gives_no_feedback(http: httpx.Client) -> None:
    run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"])
    link = url(run)
    assert http.head(link, params={"score": 1, "comment": "by a preview"}).status_code == 200
    assert http.head(link).status_code == http.get(link).status_code == 422
    assert http.head(f"{link}x", params={"score": 1}).status_code == 403
    assert entries(http, run) == []
    assert http.get(link, params={"score": 1}).status_code == 200
    assert len(entries(http, run)) == 1
    assert http.delete(f"/runs/{run['run_id']}").status_code == 204
    assert http.head(link, params={"score": 1}).status_code == http.get(link, params={"score": 1}).status_code == 404


@pytest.mark.parametrize("operation", op.ALL, ids=lambda operation: operation.name)
def test_a_head_is_allowed_where_a_get_is(http: httpx.Client, operation: op.Operation[Any, Any, Any]) -> None:
    path = re.sub(r"\{\w+\}", str(uuid4()), operation.path)
    allowed = {each.method for each in op.ALL if each.path == operation.path}
    answer = http.request("TRACE", path)
    assert answer.status_code == 405
    assert set(answer.headers["allow"].split(", ")) == allowed | ({"HEAD"} if "GET" in allowed else set())
    assert (http.head(path).status_code == 405) == ("GET" not in allowed)


@pytest.fixture(scope="module")
def keyed() -> Iterator[httpx.Client]:
    """A client, without a key, of a server with keys."""
    keys = keys_in_list("test", "ana=secret")
    with serving(api_keys=keys) as live, live.client() as client:
        yield client


@pytest.mark.parametrize("operation", GETS, ids=lambda operation: operation.name)
def test_a_head_needs_a_key_like_a_get(keyed: httpx.Client, operation: op.Operation[Any, Any, Any]) -> None:
    path = re.sub(r"\{\w+\}", str(uuid4()), operation.path)
    head, got = keyed.head(path), keyed.get(path)
    assert head.status_code == got.status_code
    assert (head.status_code == 401) == (operation not in (op.health_check, op.give_feedback_by_link))
    assert keyed.head(path, headers={"x-api-key": "secret"}).status_code != 401


def test_a_head_tells_that_the_server_is_ending() -> None:
    with serving() as live, live.client() as http:
        assert http.head("/ok").status_code == 200
        runs = live.services.runs
        runs._worker._tasks[0].get_loop().call_soon_threadsafe(runs.close)
        until(lambda: runs._closing)
        assert http.head("/ok").status_code == 503
