"""Threads that are created, read and deleted by themselves: `/threads` and `/threads/{thread_id}`."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.live import LiveServer, until
from tests.web.calls import UNKNOWN, accepted, create
from tests.web.keeping import kept, new_thread, run_path, slow_run, stored, superstep, thread, thread_path, update

shows = pytest.mark.shows
BUSY = ["thread_id", "status", "metadata", "config", "created_at", "updated_at", "values", "state_updated_at"]
KEYS = [*BUSY, "error", "interrupts"]
SIMPLE = {"graph_id": "simple"}
Json = dict[str, Any]


def refused(http: httpx.Client, status: int = 422, **fields: Any) -> str:
    """The text of the refusal to create a thread."""
    response = http.post("/threads", json=fields)
    assert response.status_code == status, response.text
    assert list(response.json()) == ["detail"]
    return str(response.json()["detail"])


# Created


@shows("create_thread get_thread", "200")
@shows("get_thread", "thread_id")
def test_a_new_thread_is_empty_and_idle(http: httpx.Client) -> None:
    made = new_thread(http)
    assert list(made) == KEYS
    assert UUID(made["thread_id"]).version == 7
    assert made["created_at"] == made["updated_at"] == made["state_updated_at"]
    assert datetime.fromisoformat(made["created_at"]).utcoffset() == timedelta(0)
    assert [made[key] for key in ("status", "metadata", "values", "error", "interrupts")] == [
        "idle",
        {},
        None,
        None,
        {},
    ]
    assert thread(http, made) == made


@shows("create_thread", "metadata")
@pytest.mark.parametrize("metadata", [{}, {"mine": [1, {"ü": None}], "graph_id": "nobody"}, {"graph_id": ["simple"]}])
def test_metadata_comes_back_as_it_was_given(http: httpx.Client, metadata: Json) -> None:
    made = new_thread(http, metadata=metadata)
    assert made["metadata"] == thread(http, made)["metadata"] == metadata


@shows("create_thread", "thread_id")
@pytest.mark.parametrize("spelling", [str, lambda given: str(given).upper(), lambda given: given.hex])
def test_a_thread_gets_the_id_it_is_given(http: httpx.Client, spelling: Any) -> None:
    given = uuid4()
    assert new_thread(http, thread_id=spelling(given))["thread_id"] == str(given)
    assert accepted(http.get(f"/threads/{given}")).json()["thread_id"] == str(given)


@shows("create_thread", "thread_id 422")
@pytest.mark.parametrize("given", ["bogus", "", "0" * 31, None, 5, {}])
def test_an_id_that_is_no_uuid_is_refused_by_name(http: httpx.Client, given: Any) -> None:
    assert "thread_id" in refused(http, thread_id=given)


@shows("create_thread", "if_exists=raise 409")
@pytest.mark.parametrize("fields", [{}, {"if_exists": "raise"}])
def test_an_id_that_is_taken_is_a_conflict(http: httpx.Client, fields: Json) -> None:
    made = new_thread(http, metadata={"mine": 1})
    assert made["thread_id"] in refused(http, 409, thread_id=made["thread_id"].upper(), **fields)
    assert thread(http, made) == made


@shows("create_thread", "if_exists=do_nothing 200")
def test_an_id_that_is_taken_can_mean_the_thread_that_has_it(http: httpx.Client) -> None:
    made = new_thread(http, metadata={"mine": 1})
    fields: Json = {"metadata": {"mine": 2}, "ttl": {"ttl": 1}, "if_exists": "do_nothing"}
    assert new_thread(http, thread_id=made["thread_id"], **fields) == made
    assert thread(http, made) == made


@shows("create_thread", "if_exists=do_nothing 200")
def test_a_free_id_is_taken_either_way(http: httpx.Client) -> None:
    given = str(uuid4())
    assert new_thread(http, thread_id=given, if_exists="do_nothing")["thread_id"] == given


@shows("create_thread", "409")
@pytest.mark.parametrize("on_completion", ["delete", "keep"])
def test_the_id_of_a_running_runs_thread_is_taken(http: httpx.Client, on_completion: str) -> None:
    run = slow_run(http, on_completion=on_completion)
    given = run["thread_id"]
    assert given in refused(http, 409, thread_id=given)
    assert new_thread(http, thread_id=given, if_exists="do_nothing")["status"] == "busy"
    assert http.delete(thread_path(run)).status_code == 204
    assert new_thread(http, thread_id=given)["status"] == "idle"


WRONG: list[tuple[str, list[Any]]] = [
    ("metadata", [None, [], "x", 5]),
    ("if_exists", [None, "bogus", "", 5]),
    ("ttl", [None, 5, "1", []]),
    ("ttl", [{"ttl": value} for value in (None, "1", -1, 1e12, True)]),
    ("ttl", [{"ttl": 1, "strategy": value} for value in (None, "bogus", 5)]),
    ("supersteps", [None, {}, "x", [5], [{}], [{"updates": {}}]]),
    ("supersteps", [[superstep(each)] for each in ({}, {"as_node": 5}, {"as_node": "first", "values": 5})]),
]


@shows("create_thread", "422")
@pytest.mark.parametrize(("field", "value"), [(field, value) for field, values in WRONG for value in values])
def test_a_field_of_a_wrong_kind_is_refused_by_name(http: httpx.Client, field: str, value: Any) -> None:
    assert f'On instance["{field}"]' in refused(http, **{"metadata": SIMPLE, field: value})


# For a time


@shows("create_thread", "ttl ttl.ttl ttl.strategy=delete")
@shows("get_thread", "include=ttl")
@pytest.mark.parametrize("strategy", [{}, {"strategy": "delete"}])
def test_a_thread_says_when_it_expires_if_it_is_asked(http: httpx.Client, strategy: Json) -> None:
    made = new_thread(http, ttl={"ttl": 1.5, **strategy})
    expires_at = datetime.fromisoformat(made["created_at"]) + timedelta(seconds=90)
    ttl = made.pop("ttl")
    assert ttl == {
        "strategy": "delete",
        "ttl_minutes": 1.5,
        "expires_at": expires_at.isoformat(timespec="microseconds"),
    }
    assert thread(http, made) == made
    assert accepted(http.get(thread_path(made), params={"include": "ttl"})).json() == {**made, "ttl": ttl}


@shows("get_thread", "include=ttl 422")
def test_only_the_time_to_live_can_be_included(http: httpx.Client) -> None:
    made = new_thread(http, ttl={"strategy": "delete"})
    assert list(accepted(http.get(thread_path(made), params={"include": "ttl"})).json()) == KEYS
    response = http.get(thread_path(made), params={"include": "values"})
    assert response.status_code == 422
    assert "include" in response.json()["detail"]


@shows("create_thread", "ttl ttl.ttl ttl.strategy=delete")
def test_a_thread_and_its_checkpoints_go_when_their_time_is_over(server: LiveServer, http: httpx.Client) -> None:
    steps = [superstep(update("second", {"items": [1]}))]
    fields: Json = {"metadata": SIMPLE, "supersteps": steps}
    lasting = new_thread(http, ttl={"ttl": 1}, **fields)
    passing = new_thread(http, ttl={"ttl": 0.005, "strategy": "delete"}, **fields)
    assert thread(http, passing)["values"] == {"items": [1]}
    assert stored(server, passing)
    until(lambda: http.get(thread_path(passing)).status_code == 404)
    for part in ("/state", "/history", "/runs"):
        assert http.get(thread_path(passing) + part).status_code == 404
    until(lambda: not stored(server, passing))
    assert thread(http, lasting)["values"] == {"items": [1]}
    assert stored(server, lasting)


@shows("create_thread", "ttl.ttl")
def test_the_id_of_an_expired_thread_is_free(http: httpx.Client) -> None:
    """At once: a thread that reads as 404 does not block its id."""
    made = new_thread(http, ttl={"ttl": 0.005})
    until(lambda: http.get(thread_path(made)).status_code == 404)
    assert "ttl" not in new_thread(http, thread_id=made["thread_id"])


# Deleted


@shows("delete_thread", "thread_id 204")
def test_a_deleted_thread_is_gone(http: httpx.Client) -> None:
    made = new_thread(http)
    response = http.delete(thread_path(made))
    assert (response.status_code, response.content) == (204, b"")
    answers = [http.get(thread_path(made) + part) for part in ("", "/state", "/history", "/runs")]
    answers += [http.post(f"{thread_path(made)}/history", json={}), http.delete(thread_path(made))]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer.text for answer in answers} == {f'{{"detail":"Thread with ID {made["thread_id"]} not found"}}'}


@shows("delete_thread", "204")
def test_the_run_and_the_checkpoints_of_a_deleted_thread_are_gone(server: LiveServer, http: httpx.Client) -> None:
    run, other = (kept(http, "nested_asking", {"foo": 1}, stream_resumable=True) for _ in range(2))
    assert stored(server, run)
    assert http.delete(thread_path(run)).status_code == 204
    for path in (f"/runs/{run['run_id']}", run_path(run)):
        for part in ("", "/join", "/stream"):
            assert http.get(path + part, headers={"last-event-id": "-1"}).status_code == 404
    assert stored(server, run) == 0
    assert thread(http, other)["status"] == "interrupted"


@pytest.mark.parametrize("part", ["", "/state", "/history", "/runs"])
@pytest.mark.parametrize(("identifier", "status"), [("bogus", 422), (UNKNOWN, 404)])
def test_an_id_without_a_thread(http: httpx.Client, part: str, identifier: str, status: int) -> None:
    response = http.get(f"/threads/{identifier}{part}")
    assert response.status_code == status
    assert ("thread_id" if status == 422 else identifier) in response.json()["detail"]


@shows("list_thread_runs", "200")
def test_a_new_thread_has_no_runs(http: httpx.Client) -> None:
    assert accepted(http.get(f"{thread_path(new_thread(http))}/runs")).json() == []


# The thread of a run that is not kept


@shows("get_thread", "200")
@pytest.mark.parametrize("after_seconds", [0, 60])
def test_the_thread_of_a_temporary_run_is_there_until_it_ends(http: httpx.Client, after_seconds: float) -> None:
    run = create(http, "slow", {"seconds": 60}, after_seconds=after_seconds, metadata={"mine": 1})
    busy = thread(http, run)
    assert list(busy) == BUSY
    assert (busy["status"], busy["values"], busy["config"]) == ("busy", None, {"configurable": {}})
    assert busy["metadata"] == {"graph_id": "slow", "assistant_id": run["assistant_id"], "mine": 1}
    assert http.post(f"{run_path(run)}/cancel", params={"wait": 1}).status_code == 200
    assert http.get(thread_path(run)).status_code == 404


@shows("delete_thread", "204")
@pytest.mark.parametrize("after_seconds", [0, 60])
def test_a_temporary_run_goes_with_its_deleted_thread(http: httpx.Client, after_seconds: float) -> None:
    run = create(http, "slow", {"seconds": 60}, after_seconds=after_seconds)
    assert http.delete(thread_path(run)).status_code == 204
    assert http.get(thread_path(run)).status_code == 404
    assert http.get(f"/runs/{run['run_id']}").status_code == 404
