"""Assistants that clients change, go back to earlier versions of, and delete."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.live import LiveServer, serving, until
from tests.web.assistants import ASSISTANTS, assistant, assistant_path, default_of, new_assistant, patched, refusal
from tests.web.assistants import versions as versions_of
from tests.web.calls import UNKNOWN, Json, accepted, create, ended
from tests.web.keeping import kept, new_thread, stored, thread, thread_path
from tests.web.test_assistants import KEYS

shows = pytest.mark.shows


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server of its own, for what is created here stays; its graphs are few, and one of them takes its time."""
    with serving(ASSISTANTS) as live:
        yield live


# Changed

WHOLE: Json = {
    "config": {"tags": ["t"], "configurable": {"a": 1}},
    "metadata": {"one": 1, "two": {"three": 3}},
    "name": "First",
    "description": "what it is for",
}


@shows("update_assistant", "assistant_id graph_id name description 200")
@shows("update_assistant", "config config.tags config.recursion_limit config.configurable config.metadata")
@shows("update_assistant", "context metadata")
@pytest.mark.parametrize(
    ("fields", "changed"),
    [
        ({}, {}),
        ({"graph_id": "echo"}, {"graph_id": "echo"}),
        ({"name": "Second"}, {"name": "Second"}),
        ({"name": ""}, {}),
        ({"description": ""}, {"description": ""}),
        ({"config": {"tags": ["u"]}}, {"config": {"tags": ["u"]}, "context": {}}),
        ({"config": {"recursion_limit": 9}}, {"config": {"recursion_limit": 9}, "context": {}}),
        ({"config": {"metadata": {"m": 1}}}, {"config": {"metadata": {"m": 1}}, "context": {}}),
        ({"config": {}}, {"config": {}, "context": {}}),
        ({"config": {"configurable": {"b": 2}}}, {"config": {"configurable": {"b": 2}}, "context": {"b": 2}}),
        ({"context": {"b": 2}}, {"config": {"tags": ["t"], "configurable": {"b": 2}}, "context": {"b": 2}}),
        ({"context": {}}, {"config": {"tags": ["t"]}, "context": {}}),
        ({"config": {}, "context": {"b": 2}}, {"config": {"configurable": {"b": 2}}, "context": {"b": 2}}),
        (
            {"config": {"configurable": {"b": 2}}, "context": {"c": 3}},
            {"config": {"configurable": {"b": 2, "c": 3}}, "context": {"b": 2, "c": 3}},
        ),
        ({"metadata": {}}, {}),
        (
            {"metadata": {"two": None, "four": 4}},
            {"metadata": {"one": 1, "two": None, "four": 4}},
        ),
    ],
)
def test_a_patch_changes_what_it_names(http: httpx.Client, fields: Json, changed: Json) -> None:
    """Config and context are replaced, each with what mirrors it; of metadata, single keys are."""
    before = new_assistant(http, **WHOLE)
    after = patched(http, before, **fields)
    assert list(after) == KEYS
    moved = {"version": 2, "updated_at": after["updated_at"]}
    assert after == {**before, **moved, **changed}
    assert before["created_at"] == after["created_at"] < after["updated_at"]
    assert assistant(http, before) == after


def test_a_patch_that_is_refused_makes_no_version(http: httpx.Client) -> None:
    before = new_assistant(http, **WHOLE)
    for graph in ("nobody", ""):
        refusal(http.patch(assistant_path(before), json={"name": "New", "graph_id": graph}), 404)
    refusal(http.patch(assistant_path(before), json={"name": "New", "context": {"\0": 1}}), 422)
    assert versions_of(http, before) == [before] and assistant(http, before) == before


# Versions


@shows("list_assistant_versions", "assistant_id 200")
@shows("list_assistant_versions", "metadata limit offset")
def test_versions_are_listed_newest_first(http: httpx.Client) -> None:
    made = [new_assistant(http, metadata={"n": 1, "odd": True})]
    for number in (2, 3, 4):
        made.append(patched(http, made[0], metadata={"n": number, "odd": number % 2 == 1}))
    whole = versions_of(http, made[0])
    assert [each["version"] for each in whole] == [4, 3, 2, 1]
    # Each is as old as the change that made it.
    assert whole == [{**each, "created_at": each["updated_at"]} for each in reversed(made)]
    assert accepted(http.post(f"{assistant_path(made[0])}/versions")).json() == whole
    for body, numbers in (
        ({"limit": 2}, [4, 3]),
        ({"limit": 2, "offset": 1}, [3, 2]),
        ({"offset": 4}, []),
        ({"metadata": {"odd": True}}, [3, 1]),
        ({"metadata": {"odd": True}, "limit": 1, "offset": 1}, [1]),
        ({"metadata": {"n": True}}, []),
        ({"metadata": {}}, [4, 3, 2, 1]),
    ):
        assert [each["version"] for each in versions_of(http, made[0], **body)] == numbers


def test_no_more_versions_are_kept_than_a_hundred(http: httpx.Client) -> None:
    made = new_assistant(http)
    for number in range(101):
        patched(http, made, name=str(number))
    assert [each["version"] for each in versions_of(http, made, limit=1000)] == list(range(102, 2, -1))
    assert "no version 2" in refusal(http.post(f"{assistant_path(made)}/latest", json={"version": 2}), 404)


@shows("list_assistant_versions", "404 422")
@pytest.mark.parametrize(
    ("body", "status"), [({"limit": 0}, 422), ({"limit": "many"}, 422), ({"offset": -1}, 422), ({"metadata": []}, 422)]
)
def test_wrong_pages_of_versions_are_refused(http: httpx.Client, body: Json, status: int) -> None:
    refusal(http.post(f"{assistant_path(new_assistant(http))}/versions", json=body), status)
    refusal(http.post(f"/assistants/{UNKNOWN}/versions", json={}), 404)


@shows("set_latest_assistant_version", "assistant_id version 200")
@pytest.mark.parametrize(
    "request_",
    [{"json": {"version": 1}}, {"params": {"version": 1}}, {"json": {"version": 1}, "params": {"version": 2}}],
)
def test_an_earlier_version_becomes_the_current_one(http: httpx.Client, request_: Any) -> None:
    """By the body or by the query; the body counts."""
    first = new_assistant(http, **WHOLE)
    second = patched(http, first, name="Second", context={"b": 2})
    latest = f"{assistant_path(first)}/latest"
    back = accepted(http.post(latest, **request_)).json()
    assert back == {**first, "updated_at": back["updated_at"]}
    assert back["updated_at"] > second["updated_at"]
    assert assistant(http, first) == back
    assert accepted(http.post(latest, **request_)).json() == back
    assert [each["name"] for each in versions_of(http, first)] == ["Second", "First"]
    third = patched(http, first, description="from the first")
    assert (third["version"], third["name"], third["context"]) == (3, "First", {"a": 1})


@shows("set_latest_assistant_version", "404 422")
@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": {"version": 3}}, 404),
        ({"json": {"version": 0}}, 404),
        ({"params": {"version": -1}}, 404),
        ({"json": {"version": 10**30}}, 404),
        ({"json": {"version": "1"}}, 422),
        ({"json": {"version": 1.5}}, 422),
        ({"params": {"version": "first"}}, 422),
        ({"json": {}}, 422),
        ({}, 422),
    ],
)
def test_no_such_version(http: httpx.Client, request_: Any, status: int) -> None:
    made = patched(http, new_assistant(http), name="Second")
    assert "version" in refusal(http.post(f"{assistant_path(made)}/latest", **request_), status)
    assert assistant(http, made) == made


# The assistant of a graph


def test_the_assistant_of_a_graph_is_changed_and_goes_back(http: httpx.Client) -> None:
    own = default_of(http, "deep")
    assert versions_of(http, own) == [own]
    assert accepted(http.post(f"{assistant_path(own)}/latest", json={"version": 1})).json() == own
    second = patched(http, own, name="Changed", metadata={"mine": 1}, graph_id="echo")
    assert second["metadata"] == {"created_by": "system", "mine": 1}
    assert (second["version"], second["graph_id"], second["created_at"]) == (2, "echo", own["created_at"])
    # The name of the graph means this assistant still, and so what it runs now.
    body = {"assistant_id": "deep", "input": {"foo": 1}}
    assert "configurable" in accepted(http.post("/runs/wait", json=body)).json()["items"][0]
    assert [each["version"] for each in versions_of(http, own)] == [2, 1]
    back = accepted(http.post(f"{assistant_path(own)}/latest", json={"version": 1})).json()
    assert back == {**own, "updated_at": back["updated_at"]}
    assert default_of(http, "deep") == back


@shows("delete_assistant", "409")
@pytest.mark.parametrize("changed", [False, True])
def test_the_assistant_of_a_graph_cannot_be_deleted(http: httpx.Client, changed: bool) -> None:
    own = default_of(http, "contextual")
    if changed:
        own = patched(http, own, description="changed")
    thread_of_own = kept(http, "contextual", {})
    detail = refusal(http.delete(assistant_path(own), params={"delete_threads": True}), 409)
    assert "'contextual'" in detail
    assert assistant(http, own) == own
    assert thread(http, thread_of_own)["status"] == "idle"


# Deleted


@shows("delete_assistant", "assistant_id 204 404")
def test_a_deleted_assistant_is_gone(http: httpx.Client) -> None:
    made = patched(http, new_assistant(http), name="Second")
    path = assistant_path(made)
    run = kept(http, made["assistant_id"], {"foo": 1})
    answer = http.delete(path)
    assert (answer.status_code, answer.content) == (204, b"")
    for response in (
        http.delete(path),
        http.get(path),
        http.patch(path, json={}),
        http.post(f"{path}/versions", json={}),
        http.post(f"{path}/latest", json={"version": 1}),
        http.get(f"{path}/graph"),
        http.get(f"{path}/schemas"),
        http.get(f"{path}/subgraphs"),
        http.post("/runs/wait", json={"assistant_id": made["assistant_id"], "input": {"foo": 1}}),
    ):
        assert made["assistant_id"] in refusal(response, 404)
    assert thread(http, run)["status"] == "idle"
    again = new_assistant(http, assistant_id=made["assistant_id"])
    assert (again["version"], versions_of(http, again)) == (1, [again])


@shows("delete_assistant", "delete_threads")
def test_its_threads_go_with_it_if_that_is_asked_for(server: LiveServer, http: httpx.Client) -> None:
    made = new_assistant(http)
    own = [kept(http, made["assistant_id"], {"foo": 1}) for _ in range(2)]
    own.append(new_thread(http, metadata={"assistant_id": made["assistant_id"]}))
    others = [kept(http, "simple", {"foo": 1}), new_thread(http, metadata={"assistant_id": str(uuid4())})]
    assert http.delete(assistant_path(made), params={"delete_threads": True}).status_code == 204
    for each in own:
        assert http.get(thread_path(each)).status_code == 404
        assert stored(server, each) == 0
    for run in own[:2]:
        assert http.get(f"/runs/{run['run_id']}").status_code == 404
    for each in others:
        assert thread(http, each)["thread_id"] == each["thread_id"]


@pytest.mark.parametrize("query", ["", "?delete_threads=false"])
def test_its_threads_stay_otherwise(http: httpx.Client, query: str) -> None:
    made = new_assistant(http)
    run = kept(http, made["assistant_id"], {"foo": 1})
    assert http.delete(assistant_path(made) + query).status_code == 204
    assert thread(http, run)["values"]["items"] == ["a", "b"]


def is_gone(http: httpx.Client, run: Json) -> bool:
    return http.get(thread_path(run)).status_code == 404


@pytest.mark.parametrize("on_completion", ["keep", "delete"])
def test_its_runs_are_cancelled_with_their_threads(on_completion: str) -> None:
    """One is running, and one waits for its time."""
    with serving() as live, live.client() as http:
        made = new_assistant(http, "slow")
        running, pending, other = (
            create(http, named, {"seconds": 60}, on_completion=on_completion, after_seconds=after)
            for named, after in ((made["assistant_id"], 0), (made["assistant_id"], 3600), ("slow", 3600))
        )
        path = f"/runs/{running['run_id']}"
        until(lambda: http.get(path).json()["status"] == "running")
        assert http.delete(assistant_path(made), params={"delete_threads": True}).status_code == 204
        for run in (running, pending):
            assert http.get(f"/runs/{run['run_id']}").status_code == 404
            until(partial(is_gone, http, run))
        assert http.get(f"/runs/{other['run_id']}").json()["status"] == "pending"
        assert ended(http, create(http, "simple", {"foo": 1})["run_id"])["status"] == "success"
