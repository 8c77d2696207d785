"""Graphs whose author's code fails in unexpected places: every answer is declared, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.live import DEADLINE, GRAPHS, LiveServer, serving, sse, until
from tests.web.keeping import kept, new_thread, superstep, thread, thread_path, update

Json = dict[str, Any]
shows = pytest.mark.shows


@pytest.fixture(scope="module")
def server() -> Iterator[LiveServer]:
    """A server of these graphs."""
    with serving(GRAPHS.with_name("troubled.json")) as live:
        yield live


def reads(http: httpx.Client, run: Json) -> list[httpx.Response]:
    """The answers of every operation that reads states."""
    path = thread_path(run)
    checkpoint_id = "1f1e5890-26c0-60e0-8002-33d6e37ea780"
    return [
        http.get(f"{path}/state"),
        http.get(f"{path}/history"),
        http.post(f"{path}/history", json={}),
        http.post(f"{path}/state/checkpoint", json={"checkpoint": {}}),
        http.get(f"{path}/state/{checkpoint_id}"),
    ]


@shows("get_thread_state list_thread_history search_thread_history search_thread_state", "500")
@pytest.mark.parametrize(
    ("trouble", "statuses"),
    [("asking", [500, 500, 500, 500]), ("reducer", [500, 200, 200, 500])],  # history does without pending writes
)
def test_a_state_that_the_graph_cannot_read_is_one_declared_failure(
    http: httpx.Client, trouble: str, statuses: list[int]
) -> None:
    """And the connection can be used again."""
    run = kept(http, "troubled", {"foo": trouble})
    answers = reads(http, run)[:4]
    assert [answer.status_code for answer in answers] == statuses
    answers = [answer for answer in answers if answer.status_code == 500]
    assert {answer.json()["detail"].split(":")[0] for answer in answers} == {"The state cannot be read"}
    assert http.get("/ok").status_code == 200


@shows("get_thread_state_at", "500")
def test_a_graph_that_cannot_be_made_again_is_one_declared_failure(http: httpx.Client) -> None:
    run = kept(http, "once", {"foo": 1})
    assert {answer.status_code for answer in reads(http, run)} == {500}
    assert "KeyError" in reads(http, run)[0].json()["detail"]
    assert thread(http, run)["values"] == {"foo": 1, "items": [1]}


def test_what_a_failed_run_had_reached_stays_in_its_thread(http: httpx.Client) -> None:
    run = kept(http, "troubled", {"foo": "reducer"})
    assert (thread(http, run)["status"], thread(http, run)["values"]) == ("error", {"foo": "reducer", "items": []})


@pytest.mark.parametrize("on_completion", ["keep", "delete"])
def test_an_exception_without_a_text_is_told_by_its_name(http: httpx.Client, on_completion: str) -> None:
    body = {"assistant_id": "troubled", "input": {"foo": "speechless"}, "on_completion": on_completion}
    masked = {"error": "Speechless", "message": "An internal error occurred"}
    assert http.post("/runs/wait", json=body).json() == {"__error__": masked}
    assert sse(http.post("/runs/stream", json=body).content)[-1][:2] == ("error", masked)
    run = kept(http, "troubled", {"foo": "speechless"})
    assert thread(http, run)["values"] == {"foo": "speechless", "items": []}
    assert http.get(f"/runs/{run['run_id']}").json()["error"] == masked


@pytest.mark.parametrize(
    "body", [{"before": {"configurable": 5}}, {"checkpoint": {"__pregel_checkpointer": "x"}}, {"before": {"a": {}}}]
)
def test_what_is_no_address_is_no_bound(http: httpx.Client, body: Json) -> None:
    run = kept(http, "late", {"foo": 1})
    assert len(http.post(f"{thread_path(run)}/history", json={"limit": 10, **body}).json()) == 3
    address = {"checkpoint": {"__pregel_checkpointer": "x"}}
    assert http.post(f"{thread_path(run)}/state/checkpoint", json=address).status_code == 200


def test_a_thread_that_is_being_created_is_waited_for(server: LiveServer, http: httpx.Client) -> None:
    """Its creation may still fail: then the next request creates it."""
    given = {"thread_id": str(uuid4()), "metadata": {"graph_id": "late"}}
    bad, good = ([superstep(update("add_item", values))] for values in ({"items": 5}, {"items": [7]}))

    def post(body: Json) -> httpx.Response:
        with httpx.Client(base_url=http.base_url, timeout=DEADLINE) as client:
            return client.post("/threads", json=body)

    with ThreadPoolExecutor(3) as pool:
        failing = pool.submit(post, {**given, "supersteps": bad})
        until(lambda: server.services.threads._creating)
        others = [pool.submit(post, {**given, "supersteps": good, "if_exists": "do_nothing"}) for _ in range(2)]
        answers = [failing.result(), *(other.result() for other in others)]
    assert sorted(answer.status_code for answer in answers) == [200, 200, 422]
    assert thread(http, given)["values"] == {"items": [7]}


def test_reading_leaves_nothing_behind() -> None:
    with serving(GRAPHS.with_name("troubled.json"), database_uri="memory://") as live, live.client() as http:
        savers: Any = live.services.checkpoints.savers
        before = dict(savers.saver.storage)
        made = new_thread(http, metadata={"graph_id": "late"})
        assert http.get(f"{thread_path(made)}/state").status_code == 200
        assert http.get(f"{thread_path(made)}/history").json() == []
        assert dict(savers.saver.storage) == before


@shows("create_thread search_thread_history search_thread_state search_assistants cancel_runs", "400")
@pytest.mark.parametrize(
    "path", ["/threads", "{thread}/history", "{thread}/state/checkpoint", "/assistants/search", "/runs/cancel"]
)
def test_a_body_that_is_too_deep_is_refused_everywhere(http: httpx.Client, path: str) -> None:
    url = path.format(thread=thread_path(new_thread(http)))
    response = http.post(url, content='{"deep":' + "[" * 254 + "]" * 254 + "}")
    assert response.status_code == 400
    assert "nested deeper" in response.json()["detail"]


def test_an_empty_command_is_none(http: httpx.Client) -> None:
    body = {"assistant_id": "late", "command": {}}
    assert http.post("/runs/wait", json={**body, "input": {"foo": 1}}).json() == {"foo": 1, "items": [1]}
    assert http.post("/runs/wait", json=body).json()["__error__"]["error"] == "EmptyInputError"
