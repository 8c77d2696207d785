"""The state of a thread at one of its checkpoints: `GET .../state/{checkpoint_id}`, `POST .../state/checkpoint`."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from tests.web.calls import Json, accepted
from tests.web.keeping import history, kept, new_thread, run_path, searched, slow_run, state, thread_path

shows = pytest.mark.shows
Read = Any


def by_id(http: httpx.Client, of: Json, address: Json, **query: Any) -> httpx.Response:
    """The answer to the id of a checkpoint."""
    return http.get(f"{thread_path(of)}/state/{address['checkpoint_id']}", params=query)


def by_address(http: httpx.Client, of: Json, address: Json, **body: Any) -> httpx.Response:
    """The answer to the whole address of a checkpoint."""
    return http.post(f"{thread_path(of)}/state/checkpoint", json={"checkpoint": address, **body})


EITHER = pytest.mark.parametrize("read", [by_id, by_address])


@shows("get_thread_state_at", "thread_id checkpoint_id 200")
@shows("search_thread_state", "thread_id checkpoint checkpoint.checkpoint_id checkpoint.checkpoint_ns 200")
@EITHER
def test_each_state_of_the_history_is_found_at_its_checkpoint(http: httpx.Client, read: Read) -> None:
    run = kept(http, "asking", {"foo": 1})
    states = history(http, run)
    assert len(states) == 3
    assert [accepted(read(http, run, each["checkpoint"])).json() for each in states] == states


@shows("get_thread_state_at", "checkpoint_id")
def test_the_id_of_a_checkpoint_may_be_spelled_in_any_way(http: httpx.Client) -> None:
    newest = state(http, run := kept(http, "simple", {"foo": 1}))
    given = UUID(newest["checkpoint_id"])
    for spelling in (str(given).upper(), given.hex):
        assert accepted(by_id(http, run, {"checkpoint_id": spelling})).json() == newest


@shows("search_thread_state", "checkpoint.thread_id checkpoint.checkpoint_id")
def test_an_address_is_one_in_the_thread_of_the_path(http: httpx.Client) -> None:
    newest = state(http, run := kept(http, "simple", {"foo": 1}))
    for address in ({**newest["checkpoint"], "thread_id": str(uuid4())}, {"checkpoint_id": newest["checkpoint_id"]}):
        assert accepted(by_address(http, run, address)).json() == newest


@shows("search_thread_state", "checkpoint")
@pytest.mark.parametrize("address", [{}, {"checkpoint_id": None}, {"checkpoint_ns": ""}])
def test_an_address_without_an_id_is_that_of_the_newest_state(http: httpx.Client, address: Json) -> None:
    run = kept(http, "simple", {"foo": 1})
    assert accepted(by_address(http, run, address)).json() == state(http, run)
    empty = new_thread(http)
    assert accepted(by_address(http, empty, address)).json() == state(http, empty)


# Subgraphs


@shows("get_thread_state_at search_thread_state", "subgraphs")
@EITHER
def test_the_states_of_subgraphs_are_there_if_they_are_asked_for(http: httpx.Client, read: Read) -> None:
    run = kept(http, "nested_asking", {"foo": 1})
    whole = state(http, run, subgraphs="true")
    assert whole["tasks"][0]["state"]["next"] == ["ask"]
    assert accepted(read(http, run, whole["checkpoint"], subgraphs=True)).json() == whole
    for query in ({}, {"subgraphs": False}):
        assert accepted(read(http, run, whole["checkpoint"], **query)).json() == state(http, run)


@shows("search_thread_state", "checkpoint.checkpoint_ns checkpoint.checkpoint_map")
def test_the_state_of_a_subgraph_is_found_at_the_address_that_its_task_shows(http: httpx.Client) -> None:
    run = kept(http, "nested_asking", {"foo": 1})
    [shown] = state(http, run)["tasks"]
    [asked] = state(http, run, subgraphs="true")["tasks"]
    inner = asked["state"]
    assert "checkpoint_map" in inner["checkpoint"]
    for address in (shown["checkpoint"], inner["checkpoint"]):
        found = accepted(by_address(http, run, address)).json()
        assert (found["values"], found["next"], found["tasks"]) == (inner["values"], ["ask"], inner["tasks"])
        assert found["checkpoint"]["checkpoint_ns"] == f"child:{shown['id']}"
    [newest, first] = searched(http, run, checkpoint=shown["checkpoint"], limit=10)
    assert accepted(by_address(http, run, first["checkpoint"])).json()["next"] == first["next"] == ["__start__"]
    assert newest["values"] == inner["values"]


# None


@shows("get_thread_state_at search_thread_state", "404")
@EITHER
def test_a_checkpoint_that_there_is_not(http: httpx.Client, read: Read) -> None:
    run, other = kept(http, "simple", {"foo": 1}), kept(http, "simple", {"foo": 2})
    of_other = state(http, other)["checkpoint"]
    for given in ({"checkpoint_id": str(uuid4())}, {**of_other, "thread_id": run["thread_id"]}):
        for thread in (run, new_thread(http), new_thread(http, metadata={"graph_id": "simple"})):
            response = read(http, thread, given)
            assert response.status_code == 404
            assert given["checkpoint_id"] in response.json()["detail"]


@shows("get_thread_state_at search_thread_state", "404")
@EITHER
def test_the_thread_of_a_temporary_run_has_no_checkpoint(http: httpx.Client, read: Read) -> None:
    run = slow_run(http, on_completion="delete")
    assert read(http, run, {"checkpoint_id": str(uuid4())}).status_code == 404
    assert http.delete(run_path(run)).status_code == 204


@shows("get_thread_state_at", "422")
@shows("search_thread_state", "404")
@EITHER
@pytest.mark.parametrize("given", ["bogus", "0" * 31])
def test_an_id_that_is_no_uuid_is_refused_by_name_or_not_found(http: httpx.Client, read: Read, given: str) -> None:
    """In a path it has to be a UUID; a body's address may hold any text."""
    response = read(http, kept(http, "simple", {"foo": 1}), {"checkpoint_id": given})
    assert response.status_code == (422 if read is by_id else 404)
    assert ("checkpoint_id" if read is by_id else given) in response.json()["detail"]


@shows("search_thread_state", "checkpoint subgraphs 422")
@pytest.mark.parametrize(
    ("body", "named"),
    [
        ({}, '"checkpoint" is a required property'),
        ({"checkpoint": None}, 'On instance["checkpoint"]'),
        ({"checkpoint": "x"}, 'On instance["checkpoint"]'),
        ({"checkpoint": {"checkpoint_ns": 5}}, 'On instance["checkpoint"]["checkpoint_ns"]'),
        ({"checkpoint": {}, "subgraphs": "true"}, 'On instance["subgraphs"]'),
    ],
)
def test_a_body_of_a_wrong_kind_is_refused_by_name(http: httpx.Client, body: Json, named: str) -> None:
    response = http.post(f"{thread_path(new_thread(http))}/state/checkpoint", json=body)
    assert response.status_code == 422
    assert named in response.json()["detail"]


@shows("get_thread_state_at search_thread_state", "select")
@EITHER
def test_a_part_of_a_state_is_selected(http: httpx.Client, read: Read) -> None:
    first = history(http, run := kept(http, "asking", {"foo": 1}))[-1]
    assert accepted(read(http, run, first["checkpoint"], select=["next", "created_at"])).json() == {
        "next": first["next"],
        "created_at": first["created_at"],
    }


@shows("get_thread_state_at search_thread_state", "select 422")
@EITHER
def test_a_key_that_no_state_has_is_refused(http: httpx.Client, read: Read) -> None:
    newest = state(http, run := kept(http, "simple", {"foo": 1}))
    response = read(http, run, newest["checkpoint"], select=["nobody"])
    assert response.status_code == 422
    assert "select" in response.json()["detail"]
