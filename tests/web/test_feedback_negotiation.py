"""Links for feedback: a page for browsers, JSON for other clients, and the bodies that they take."""

from __future__ import annotations

import json
import re
from typing import Any
from uuid import uuid4

import httpx
import pytest

import treadle_api.operations as op
from tests.live import LiveServer
from tests.web.calls import Json, accepted, create, ended
from tests.web.html_pages import BROWSER, FORM
from tests.web.test_feedback import entries, refused, url
from treadle_client import Treadle

pytestmark = pytest.mark.edge

PROGRAMS = [
    None,
    "",
    "*/*",
    "application/json",
    "application/json, text/plain, */*",
    "text/plain",
    "image/avif,image/webp,*/*;q=0.8",
    "text/html;q=0.5, application/json",
    "text/html, application/json",
    "text/html;q=0",
    "text/*;q=0.9, application/*",
    "text/*, text/html;q=0.2, application/json;q=0.3",
    "text/html;q=high, */*;q=0.1",
    'text/plain;a=", text/html", */*;q=0.1',
    ";;,,q=1",
]
BROWSERS = [
    BROWSER,
    "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
    "text/html",
    "Text/HTML; Q=0.8, application/json;q=0.799",
    "text/html;charset=utf-8",
    "text/*",
    "*/*, application/json;q=0.9",
    "application/json;q=0, */*;q=0.001",
    'application/x;a="b, c", text/html',
]


@pytest.fixture
def rated(http: httpx.Client) -> Json:
    """A run that has ended, with a link for `helpful`."""
    return dict(ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"]))


def varies_by(response: httpx.Response) -> set[str]:
    """The request headers in `Vary`, without `Origin`, about which Starlette's releases differ."""
    return {name.strip() for name in response.headers.get("vary", "").split(",")} - {"Origin", ""}


def answers(http: httpx.Client, link: str, accept: str | None) -> list[tuple[int, str]]:
    """(status, media type) of each way to use a link."""
    headers = [("accept", accept)] if accept is not None else []
    requests = [
        http.build_request("GET", link, headers=headers),
        http.build_request("GET", f"{link}?score=1", headers=headers),
        http.build_request("GET", f"{link}x?score=1", headers=headers),
        http.build_request("POST", link, headers=headers, json={"score": 1}),
        http.build_request("POST", link, headers=headers, data={"score": "1"}),
        http.build_request("POST", link, headers=headers, data={"score": "high"}),
    ]
    for request in requests if accept is None else ():
        del request.headers["accept"]
    sent = [http.send(request) for request in requests]
    assert all(varies_by(response) == {"Accept"} for response in sent)
    assert {response.headers["cache-control"] for response in sent} == {"no-store"}
    assert {response.headers["referrer-policy"] for response in sent} == {"no-referrer"}
    assert {response.headers["x-content-type-options"] for response in sent} == {"nosniff"}
    return [(response.status_code, response.headers["content-type"].partition(";")[0]) for response in sent]


@pytest.mark.parametrize("accept", PROGRAMS)
def test_programs_get_json(http: httpx.Client, rated: Json, accept: str | None) -> None:
    statuses = [422, 200, 403, 200, 200, 422]
    assert answers(http, url(rated), accept) == [(status, "application/json") for status in statuses]


@pytest.mark.parametrize("accept", BROWSERS)
def test_browsers_get_pages(http: httpx.Client, rated: Json, accept: str) -> None:
    statuses = [200, 303, 403, 303, 303, 422]
    assert answers(http, url(rated), accept) == [(status, "text/html") for status in statuses]


def test_what_is_accepted_may_be_said_in_several_lines(http: httpx.Client, rated: Json) -> None:
    lines = [("accept", "application/json;q=0.5"), ("accept", "text/html")]
    for headers in (lines, lines[::-1]):
        request = httpx.Request("GET", url(rated), headers=headers)
        assert http.send(request).headers["content-type"] == "text/html; charset=utf-8"


def test_the_generated_client_speaks_json(server: LiveServer, rated: Json) -> None:
    token = url(rated).rpartition("/")[2]
    with Treadle(server.url) as client:
        posted = client.runs.give_feedback(rated["run_id"], token, score=True)
        opened = client.runs.give_feedback_by_link(rated["run_id"], token, comment="fine")
    assert (posted.score, opened.comment) == (True, "fine")


def test_other_operations_answer_with_json_as_ever(http: httpx.Client, rated: Json) -> None:
    for path in ("/ok", f"/runs/{rated['run_id']}", f"/runs/{uuid4()}", "/nowhere"):
        response = http.get(path, headers={"accept": BROWSER})
        assert response.headers["content-type"] == "application/json"
        assert varies_by(response) == set()


def test_a_head_records_nothing(http: httpx.Client, rated: Json) -> None:
    for accept in ("*/*", BROWSER):
        assert http.head(f"{url(rated)}?score=1", headers={"accept": accept}).content == b""
    assert entries(http, rated) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("score=true", {"score": True}),
        ("score=false&comment=", {"score": False}),
        ("score=-2.5e1&value=&comment=a+b%20%E2%98%83", {"score": -25, "comment": "a b ☃"}),
        ("value=5", {"value": "5"}),
        ("comment=a%0D%0Ab%0D%0A", {"comment": "a\nb\n"}),
        ("comment=\u2603", {"comment": "☃"}),
        ("score=1&score=2", {"score": 2}),
        (f"comment={'%E2%98%83' * 4000}", {"comment": "☃" * 4000}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_form_says_what_json_says(http: httpx.Client, rated: Json, body: str, said: Json) -> None:
    expected = {"score": None, "value": None, "comment": None, **said}
    for media_type in ("application/x-www-form-urlencoded", "Application/X-WWW-Form-URLencoded; charset=UTF-8"):
        answer = accepted(http.post(url(rated), content=body.encode(), headers={"content-type": media_type})).json()
        answer.pop("created_at")
        assert answer == expected
    assert entries(http, rated) == [expected, expected]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"score=",
        b"score=&comment=&value=",
        b"score=high",
        b"score=1e400",
        b"score=True",
        b"score=null",
        b"other=1",
        b"score=1&other=",
        b"comment=%ff",
        b"comment=\xff",
        b"comment=" + b"x" * 4001,
        b"&".join([b"score=1"] * 11),
        b"[]",
        b"null",
        b"score",
    ],
    ids=lambda body: repr(body[:20]),
)
def test_a_form_that_is_not_valid_records_nothing(http: httpx.Client, rated: Json, body: bytes) -> None:
    refused(http.post(url(rated), content=body, headers=FORM), 422)
    assert entries(http, rated) == []


def test_a_form_is_short(http: httpx.Client, rated: Json) -> None:
    refused(http.post(url(rated), content=b"comment=" + b"x" * 65536, headers=FORM), 413)


@pytest.mark.parametrize("body", ['{"score": true}', ' \r\n{"score":true}'])
def test_json_that_is_called_a_form_is_json(http: httpx.Client, rated: Json, body: str) -> None:
    """As `curl -d` sends it."""
    assert accepted(http.post(url(rated), content=body, headers=FORM)).json()["score"] is True
    assert "Invalid JSON" in refused(http.post(url(rated), content=body[:-1], headers=FORM), 422)


@pytest.mark.parametrize("media_type", [None, "application/json", "text/plain", "multipart/form-data; boundary=x"])
def test_what_is_not_called_a_form_is_none(http: httpx.Client, rated: Json, media_type: str | None) -> None:
    headers = {} if media_type is None else {"content-type": media_type}
    assert "Invalid JSON" in refused(http.post(url(rated), content=b"score=true", headers=headers), 422)
    assert accepted(http.post(url(rated), content=json.dumps({"score": 1}), headers=headers)).json()["score"] == 1


def test_forms_are_read_where_they_are_declared_and_nowhere_else(http: httpx.Client) -> None:
    declared: Any = accepted(http.get("/openapi.json")).json()["paths"]
    with_form = []
    for each in op.ALL:
        content = declared[each.path][each.method.lower()].get("requestBody", {}).get("content", {})
        if each.body_pointer is None:
            assert content == {}
            continue
        response = http.request(
            each.method, re.sub(r"\{\w+\}", str(uuid4()), each.path), content=b"score=true", headers=FORM
        )
        if FORM["content-type"] in content:
            with_form.append(each.name)
            assert response.status_code == 403
        else:
            assert "Invalid JSON" in refused(response, 422)
    assert with_form == ["give_feedback"]
