"""`feedback_keys`: a run that succeeds has links, and each client with a link can give feedback."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

import httpx
import pytest
from langgraph_sdk import get_client, get_sync_client

from tests.live import LiveServer, serving, sse, until
from tests.web.calls import Json, accepted, create, detail, ended, names, payloads, stream, wait
from tests.web.creating import EVERY, PATHS, Creator
from treadle.feedback.book import MOST

shows = pytest.mark.shows
BOTH = "give_feedback give_feedback_by_link"
ODD = ['a b/?&#"\\', "ключ ☃", "", "\r\ndata: {}", "x" * 256]


@pytest.fixture(params=PATHS)
def runs(http: httpx.Client, request: pytest.FixtureRequest) -> Creator:
    """Each operation that creates runs."""
    return Creator(http, request.param)


@pytest.fixture
def rated(http: httpx.Client) -> Json:
    """A run that has ended, with a link for `helpful`."""
    return dict(ended(http, create(http, "simple", {"foo": 1}, feedback_keys=["helpful"])["run_id"]))


def url(run: Json, key: str = "helpful") -> str:
    """The link of a run for one of its keys."""
    [found] = [each["url"] for each in run["feedback"] if each["key"] == key]
    return str(found)


def entries(http: httpx.Client, run: Json, key: str = "helpful") -> list[Json]:
    """The feedback on a run under a key, without the times."""
    [found] = [each["entries"] for each in detail(http, run["run_id"])["feedback"] if each["key"] == key]
    return [{name: value for name, value in entry.items() if name != "created_at"} for entry in found]


def refused(response: httpx.Response, status: int) -> str:
    """The text of a refusal."""
    assert response.status_code == status, response.text
    return str(response.json()["detail"])


@shows(EVERY, "feedback_keys")
def test_a_run_shows_a_link_for_each_of_its_keys(runs: Creator, http: httpx.Client) -> None:
    run = runs.ended("simple", {"foo": 1}, feedback_keys=["helpful", "true", "helpful"])
    assert run["kwargs"]["feedback_keys"] == ["helpful", "true", "helpful"]
    assert [each["key"] for each in run["feedback"]] == ["helpful", "true"]
    for each in run["feedback"]:
        assert each["url"].startswith(f"{http.base_url}/runs/{run['run_id']}/feedback/".replace("//runs", "/runs"))
        assert each["entries"] == []
        accepted(http.post(each["url"], json={"score": 1}))
    assert [len(each["entries"]) for each in detail(http, run["run_id"])["feedback"]] == [1, 1]


def test_the_last_event_of_a_stream_has_the_links(http: httpx.Client) -> None:
    events = stream(http, "simple", {"foo": 1}, feedback_keys=["helpful"], stream_mode="updates")
    assert names(events) == ["updates", "updates", "feedback"]
    links = payloads(events)[-1]
    assert links == {"helpful": url(detail(http, events[0][1]["run_id"]))}
    accepted(http.post(links["helpful"], json={"score": 0.5}))


def test_the_links_are_replayed_like_any_event(http: httpx.Client) -> None:
    events = stream(http, "simple", {"foo": 1}, feedback_keys=["helpful"], stream_resumable=True)
    name, links, number = events[-1]
    assert (name, number) == ("feedback", str(len(events)))
    path = f"/runs/{events[0][1]['run_id']}/stream"
    replayed = sse(accepted(http.get(path, headers={"last-event-id": str(len(events) - 1)})).content)
    assert replayed == [("feedback", links, number)]


def test_a_client_that_asks_for_some_modes_gets_the_links_as_well(http: httpx.Client) -> None:
    events = stream(http, "simple", {"foo": 1}, feedback_keys=["helpful"], stream_resumable=True)
    path = f"/runs/{events[0][1]['run_id']}/stream"
    response = http.get(path, params={"stream_mode": "updates"}, headers={"last-event-id": "-1"})
    assert [name for name, _, _ in sse(accepted(response).content)] == ["feedback"]


@pytest.mark.parametrize("keys", [None, []], ids=json.dumps)
def test_no_keys_no_links(http: httpx.Client, keys: Any) -> None:
    fields = {} if keys is None else {"feedback_keys": keys}
    events = stream(http, "simple", {"foo": 1}, **fields)
    assert "feedback" not in names(events)
    run = detail(http, events[0][1]["run_id"])
    assert (run["feedback"], run["kwargs"]["feedback_keys"]) == ([], None)


def test_a_run_that_failed_has_no_links(http: httpx.Client) -> None:
    events = stream(http, "failing", {"foo": 1}, feedback_keys=["helpful"])
    assert names(events)[-1] == "error"
    assert "feedback" not in names(events)
    assert detail(http, events[0][1]["run_id"])["feedback"] == []


def test_a_run_that_asks_something_has_links(http: httpx.Client) -> None:
    events = stream(http, "asking", {"foo": 1}, feedback_keys=["helpful"])
    assert names(events)[-1] == "feedback"
    assert detail(http, events[0][1]["run_id"])["interrupts"]


def test_a_wait_answers_as_ever(http: httpx.Client) -> None:
    assert wait(http, "simple", {"foo": 1}, feedback_keys=["helpful"]) == wait(http, "simple", {"foo": 1})


@pytest.mark.parametrize("key", ODD)
def test_any_text_is_a_key(http: httpx.Client, key: str) -> None:
    events = stream(http, "simple", {"foo": 1}, feedback_keys=[key])
    links = payloads(events)[-1]
    assert list(links) == [key]
    assert links[key].isascii() and links[key].isprintable() and " " not in links[key]
    accepted(http.post(links[key], json={"comment": "fine"}))
    run = detail(http, events[0][1]["run_id"])
    assert entries(http, run, key) == [{"score": None, "value": None, "comment": "fine"}]


SAID: dict[str, list[Any]] = {
    "score": [1, 0, -2.5, True, False, None],
    "value": ["blue", 5, True, None, ""],
    "comment": ["well\nsaid ☃", None, "x" * 4000],
}


@shows("give_feedback", "200")
@pytest.mark.parametrize(
    ("field", "value"),
    [
        pytest.param(field, value, marks=shows("give_feedback", f"run_id token {field}"), id=f"{field}={value}")
        for field, values in SAID.items()
        for value in values
    ],
)
def test_what_is_posted_is_recorded(http: httpx.Client, rated: Json, field: str, value: Any) -> None:
    answer = accepted(http.post(url(rated), json={field: value})).json()
    expected = {"score": None, "value": None, "comment": None, field: value}
    assert list(answer) == ["score", "value", "comment", "created_at"]
    assert datetime.fromisoformat(answer.pop("created_at")) >= datetime.fromisoformat(rated["ended_at"])
    assert json.dumps(answer) == json.dumps(expected)
    assert json.dumps(entries(http, rated)) == json.dumps([expected])


@shows("give_feedback_by_link", "200")
@pytest.mark.parametrize(
    ("query", "said"),
    [
        pytest.param(query, said, marks=shows("give_feedback_by_link", f"run_id token {subject}"), id=query)
        for subject, query, said in [
            ("score", "score=0.5", {"score": 0.5}),
            ("score", "score=-1", {"score": -1}),
            ("score=true", "score=true", {"score": True}),
            ("score=false", "score=false", {"score": False}),
            ("value", "value=blue", {"value": "blue"}),
            ("comment", "comment=well+said%20%E2%98%83", {"comment": "well said ☃"}),
            ("comment", "score=1&value=a&comment=b", {"score": 1, "value": "a", "comment": "b"}),
        ]
    ],
)
def test_what_is_in_the_query_of_a_link_is_recorded(http: httpx.Client, rated: Json, query: str, said: Json) -> None:
    expected = {"score": None, "value": None, "comment": None, **said}
    answer = accepted(http.get(f"{url(rated)}?{query}")).json()
    answer.pop("created_at")
    assert answer == expected
    assert entries(http, rated) == [expected]


@shows("give_feedback_by_link", "422")
@pytest.mark.parametrize("query", ["", "?score=", "?other=1", "?score=high", "?score=1e400", f"?comment={'x' * 4001}"])
def test_a_link_that_is_only_opened_records_nothing(http: httpx.Client, rated: Json, query: str) -> None:
    """Previews of messages, and scanners of mail, open links."""
    refused(http.get(url(rated) + query), 422)
    assert http.head(url(rated) + query).status_code == 422
    assert entries(http, rated) == []


@shows("give_feedback", "422")
@pytest.mark.parametrize(
    "body",
    [
        {"score": "1"},
        {"score": 1e300},
        {"value": {}},
        {"comment": 5},
        {"comment": "x" * 4001},
        {"other": 1},
        {},
        [],
        None,
    ],
    ids=lambda body: json.dumps(body)[:30],
)
def test_a_body_that_is_not_valid_records_nothing(http: httpx.Client, rated: Json, body: Any) -> None:
    refused(http.post(url(rated), json=body), 422)
    assert entries(http, rated) == []


@shows("give_feedback", "413")
def test_a_body_is_short(http: httpx.Client, rated: Json) -> None:
    refused(http.post(url(rated), json={"comment": "x" * 65536}), 413)


def test_each_call_adds_an_entry_in_order(http: httpx.Client, rated: Json) -> None:
    for score in range(5):
        accepted(http.post(url(rated), json={"score": score}))
    assert [entry["score"] for entry in entries(http, rated)] == [0, 1, 2, 3, 4]


@shows(BOTH, "409")
def test_a_link_that_has_become_known_cannot_fill_the_store(http: httpx.Client) -> None:
    keys = ["helpful", "true"]
    run = ended(http, create(http, "simple", {"foo": 1}, feedback_keys=keys)["run_id"])
    for _ in range(MOST):
        accepted(http.post(url(run), json={"score": 1}))
    refused(http.post(url(run), json={"score": 2}), 409)
    refused(http.get(url(run), params={"score": 2}), 409)
    accepted(http.post(url(run, "true"), json={"score": 3}))
    assert [len(entries(http, run, key)) for key in keys] == [MOST, 1]


@shows(BOTH, "404")
def test_what_was_said_is_forgotten_with_the_run(http: httpx.Client, rated: Json) -> None:
    accepted(http.post(url(rated), json={"score": 1}))
    assert http.delete(f"/runs/{rated['run_id']}").status_code == 204
    refused(http.post(url(rated), json={"score": 1}), 404)
    refused(http.get(url(rated), params={"score": 1}), 404)


def test_a_run_is_readable_as_long_as_its_links_are_good() -> None:
    with serving(run_ttl=0.2, feedback_ttl=3600) as live, live.client() as http:
        plain, rated = (
            create(http, "simple", {"foo": 1}, **fields)["run_id"] for fields in ({}, {"feedback_keys": ["a"]})
        )
        until(lambda: http.get(f"/runs/{plain}").status_code == 404)
        [link] = detail(http, rated)["feedback"]
        accepted(http.post(link["url"], json={"score": 1}))


@pytest.mark.anyio
async def test_the_python_sdk_gets_the_links(server: LiveServer) -> None:
    given: Json = {"input": {"foo": 1}, "feedback_keys": ["helpful", "kind"]}
    with get_sync_client(url=server.url) as sync:
        assert [part.event for part in sync.runs.stream(None, "simple", **given)][-1] == "feedback"
    async with get_client(url=server.url) as client:
        parts = [part async for part in client.runs.stream(None, "simple", **given)]
    assert (parts[-1].event, list(parts[-1].data)) == ("feedback", ["helpful", "kind"])
