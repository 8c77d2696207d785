"""API keys: without a valid one, only `/ok` is answered, and refusals reveal nothing."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

import treadle_api.operations as op
from tests.live import DEADLINE, GRAPHS, serving, until
from tests.web.calls import accepted, ended, wait
from treadle.errors import ConfigError
from treadle.keys import KeyRing, keys_in_list
from treadle.settings import Settings
from treadle.web.access import Access, caller_of

pytestmark = pytest.mark.edge
shows = pytest.mark.shows

KEY, OTHER = "first-key=with/odd+signs", "second-key"
DIGEST = "b93ec4ea1d66f7dcd5ba67aa0d05cb8bbecf1e9c6e6c4ed7d8a2dc41f4c1d1b1"
GUARDED, HOOKED = [operation for operation in op.ALL if 401 in operation.statuses], GRAPHS.with_name("hooked.json")


@pytest.fixture(scope="module")
def guarded() -> Iterator[httpx.Client]:
    """A client without a key, of a server that has two."""
    keys = keys_in_list("here", f"ana={KEY}, ben={OTHER}")
    with serving(api_keys=keys) as live, live.client() as http:
        yield http


def refused(response: httpx.Response, *, with_key: bool = False) -> None:
    """A 401 in the one form of every failure."""
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == "Bearer"
    assert list(response.json()) == ["detail"]
    assert ("not valid" if with_key else "x-api-key") in response.json()["detail"]


def test_every_operation_declares_it_but_those_that_need_none() -> None:
    assert {operation.name for operation in op.ALL} - {operation.name for operation in GUARDED} == {
        "health_check",
        "give_feedback",
        "give_feedback_by_link",
    }


def test_a_link_for_feedback_is_a_credential_of_its_own(guarded: httpx.Client) -> None:
    key = {"x-api-key": KEY}
    body = {"assistant_id": "simple", "input": {"foo": 1}, "feedback_keys": ["good"]}
    reply = guarded.post("/runs/wait", json=body, headers=key)
    run_id = reply.headers["content-location"].rpartition("/")[2]
    [link] = guarded.get(f"/runs/{run_id}", headers=key).json()["feedback"]
    assert accepted(guarded.get(link["url"], params={"score": 1})).json()["score"] == 1
    assert accepted(guarded.post(link["url"], json={"score": 0})).json()["score"] == 0
    assert guarded.post(f"{link['url']}x", json={"score": 0}).status_code == 403
    refused(guarded.delete(link["url"]))


def test_a_webhook_to_the_server_itself_needs_no_key() -> None:
    with serving(HOOKED, api_keys=keys_in_list("here", f"ana={KEY}")) as live:
        with live.client(headers={"x-api-key": KEY}) as http:
            body = {"assistant_id": "simple", "input": {"foo": 1}, "webhook": "/assistants/search"}
            run_id = http.post("/runs", json=body).json()["run_id"]
            [delivery] = until(lambda: [sent for sent in deliveries(http, run_id) if sent["status"] != "pending"])
        assert [attempt["status_code"] for attempt in delivery["attempts"]] == [200]


def deliveries(http: httpx.Client, run_id: str) -> Any:
    """The deliveries of a run's webhook so far."""
    return http.get(f"/runs/{run_id}").json()["webhook_deliveries"]


@pytest.mark.parametrize(
    "operation", [pytest.param(each, id=each.name, marks=shows(each.name, "401")) for each in GUARDED]
)
def test_no_operation_answers_without_a_key(guarded: httpx.Client, operation: op.Operation[Any, Any, Any]) -> None:
    path = re.sub(r"\{\w+\}", str(uuid4()), operation.path)
    refused(guarded.request(operation.method, path, content=b"{" if operation.body_pointer else None))
    refused(guarded.request(operation.method, path, headers={"x-api-key": "wrong"}), with_key=True)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "PROPFIND"])
@pytest.mark.parametrize("path", ["/bogus", "/docs/", "/ok/", "/OK", "//ok", "/okay", "/info", "/runs", "/ok/../info"])
def test_no_other_request_is_told_more(guarded: httpx.Client, method: str, path: str) -> None:
    """An unknown path, a wrong method and a served path answer alike."""
    response = guarded.request(method, str(guarded.base_url).rstrip("/") + path)
    assert response.status_code == 401
    if method != "HEAD":
        assert response.content == guarded.post("/runs/wait", content=b"{}").content


def test_ok_needs_no_key_to_be_read(guarded: httpx.Client) -> None:
    assert accepted(guarded.get("/ok")).json()["ok"]
    assert guarded.head("/ok").status_code == 200
    refused(guarded.post("/ok"))


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": KEY},
        {"x-api-key": OTHER},
        {"authorization": f"Bearer {KEY}"},
        {"authorization": f"bEARER   {OTHER}"},
        {"x-api-key": "a LangSmith key that the SDK found", "authorization": f"Bearer {KEY}"},
        {"x-api-key": KEY, "authorization": "Bearer of-a-proxy"},
        {"x-api-key": KEY, "authorization": "Basic YTpi"},
    ],
)
def test_a_key_is_sent_in_either_header(guarded: httpx.Client, headers: dict[str, str]) -> None:
    response = guarded.post("/runs/wait", json={"assistant_id": "simple", "input": {"foo": 1}}, headers=headers)
    assert accepted(response).json() == {"foo": 1, "items": ["a", "b"]}


@pytest.mark.parametrize(
    "headers",
    [
        {"x-api-key": ""},
        {"x-api-key": KEY[:-1]},
        {"x-api-key": KEY + "x"},
        {"x-api-key": "ana"},
        {"x-api-key": f"ana={KEY}"},
        {"x-api-key": f"Bearer {KEY}"},
        {"authorization": f"Bearer{KEY}"},
        {"authorization": "Bearer"},
    ],
)
def test_what_is_no_key(guarded: httpx.Client, headers: dict[str, str]) -> None:
    assert guarded.get("/info", headers=headers).status_code == 401
    assert guarded.get("/info", headers={"authorization": f"Basic {KEY}"}).status_code == 401


def test_no_body_is_read_without_a_key(guarded: httpx.Client) -> None:
    """The answer comes before the body: a client without a key cannot make the server hold a body."""
    with socket.create_connection((guarded.base_url.host, guarded.base_url.port), timeout=DEADLINE) as raw:
        raw.sendall(b"POST /runs HTTP/1.1\r\nhost: x\r\ncontent-length: 1000000\r\n\r\n{")
        assert raw.recv(65536).startswith(b"HTTP/1.1 401")


def test_browsers_may_ask_without_a_key_and_see_why_they_may_not(guarded: httpx.Client) -> None:
    origin = {"origin": "https://app.example"}
    asking = {"access-control-request-method": "POST", "access-control-request-headers": "x-api-key"}
    assert accepted(guarded.options("/runs", headers=origin | asking)).headers["access-control-allow-origin"] == "*"
    answer = guarded.get("/info", headers=origin)
    refused(answer)
    assert answer.headers["access-control-allow-origin"] == "*"


def test_the_document_says_whether_keys_are_needed(guarded: httpx.Client, http: httpx.Client) -> None:
    schemes: list[dict[str, list[str]]] = [{"ApiKey": []}, {"BearerKey": []}]
    assert guarded.get("/openapi.json", headers={"x-api-key": KEY}).json()["security"] == schemes
    assert http.get("/openapi.json").json()["security"] == []


def test_a_server_without_keys_takes_any(http: httpx.Client) -> None:
    for headers in ({"x-api-key": "any"}, {"authorization": "Bearer any"}, {}):
        assert accepted(http.get("/info", headers=headers))


@pytest.mark.anyio
async def test_what_is_behind_learns_whose_key_it_was() -> None:
    """By its name, which stays when the key changes."""

    async def name_caller(scope: Scope, receive: Receive, send: Send) -> None:
        await PlainTextResponse(caller_of(scope))(scope, receive, send)

    keys = KeyRing(keys_in_list("here", f"ana={KEY} ana={OTHER}"), None)
    for app, expected in ((name_caller, ""), (Access(name_caller, keys, ()), "ana")):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
            for key in (KEY, OTHER):
                assert (await http.get("/", headers={"x-api-key": key})).text == expected


# Keys in a file


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A file with one key and a comment."""
    file = tmp_path / "keys"
    file.write_text(f"# who may call\n\nana={KEY}\n")
    return file


def test_what_is_changed_in_the_file_is_so_at_once(keys: Path) -> None:
    with serving(api_keys_file=str(keys)) as live, live.client() as http:

        def status(key: str) -> int:
            return http.get("/info", headers={"x-api-key": key}).status_code

        assert (status(KEY), status(OTHER)) == (200, 401)
        keys.write_text(f"ana={KEY}\nben={OTHER}\n")
        assert (status(KEY), status(OTHER)) == (200, 200)
        keys.write_text(f"ben={OTHER}\n")
        assert (status(KEY), status(OTHER)) == (401, 200)
        replaced = keys.with_suffix(".new")
        replaced.write_text(f"ana={KEY}\n")
        replaced.rename(keys)
        assert (status(KEY), status(OTHER)) == (200, 401)


@pytest.mark.parametrize("how", ["emptied", "removed", "malformed", "not text", "a folder", "a pipe"])
def test_a_file_that_cannot_be_read_opens_nothing(keys: Path, how: str) -> None:
    listed = keys_in_list("here", f"ben={OTHER}")
    with (
        serving(api_keys_file=str(keys), api_keys=listed) as live,
        live.client() as http,
    ):
        assert http.get("/info", headers={"x-api-key": KEY}).status_code == 200
        if how in ("removed", "a folder", "a pipe"):
            keys.unlink()
        if how == "a folder":
            keys.mkdir()
        if how == "a pipe":
            os.mkfifo(keys)
        if how in ("emptied", "malformed", "not text"):
            content = {"emptied": b"", "malformed": f"ana={KEY}\n{OTHER}\n".encode(), "not text": b"ana=\xff\n"}
            keys.write_bytes(content[how])
        assert http.get("/info").status_code == 401
        assert http.get("/info", headers={"x-api-key": KEY}).status_code == 401
        assert http.get("/info", headers={"x-api-key": OTHER}).status_code == 200
        assert http.get("/ok").status_code == 200
        if how == "a folder":
            keys.rmdir()
        if how == "a pipe":
            keys.unlink()
        keys.write_text(f"ana={KEY}\n")
        assert http.get("/info", headers={"x-api-key": KEY}).status_code == 200


def test_a_change_that_leaves_size_and_time_as_they_were_is_seen(keys: Path) -> None:
    """Two quick changes can have the same time stamp."""
    with serving(api_keys_file=str(keys)) as live, live.client() as http:
        assert http.get("/info", headers={"x-api-key": KEY}).status_code == 200
        times = keys.stat()
        keys.write_text(keys.read_text().replace(KEY, KEY[::-1]))
        os.utime(keys, ns=(times.st_atime_ns, times.st_mtime_ns))
        assert http.get("/info", headers={"x-api-key": KEY}).status_code == 401


# How they are written


def test_no_key_is_ever_shown() -> None:
    settings = Settings.from_environment({"TREADLE_API_KEYS": f"ana={KEY}"})
    assert KEY not in repr(settings)
    assert settings.api_keys[0].digest.hex() not in repr(settings)
    assert "ana" in repr(settings)


@pytest.mark.parametrize(
    "text",
    [
        "secret",
        "=secret",
        "ana=",
        "ana=sha256:secret",
        f"ana=sha256:{DIGEST}secret",
        "a b=secret",
        "ana=secr\xe9tsecret",
        "ana=secret,ben=secret",
        "ana=good ben:secret",
        "ana!=secret",
        " , ",
        "",
    ],
)
def test_a_list_that_cannot_be_used_is_refused_in_one_line_without_the_key(text: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        Settings.from_environment({"TREADLE_API_KEYS": text})
    said = str(refusal.value)
    assert said.startswith("TREADLE_API_KEYS")
    assert "secret" not in said
    assert "\n" not in said


def test_runs_are_made_and_followed_with_a_key(guarded: httpx.Client) -> None:
    with httpx.Client(base_url=guarded.base_url, headers={"x-api-key": KEY}, timeout=DEADLINE) as http:
        assert wait(http, "simple", {"foo": 1}) == {"foo": 1, "items": ["a", "b"]}
        run = accepted(http.post("/runs", json={"assistant_id": "simple", "input": {"foo": 1}})).json()
        assert until(lambda: ended(http, run["run_id"]))["status"] == "success"


def test_so_many_keys_of_a_request_are_looked_at(guarded: httpx.Client) -> None:
    wrong = [("x-api-key", "wrong")]
    assert guarded.get("/info", headers=wrong * 3 + [("x-api-key", KEY)]).status_code == 200
    assert guarded.get("/info", headers=wrong * 4 + [("x-api-key", KEY)]).status_code == 401
