"""Any process on a file answers for any run, wherever it is executed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import Serving
from tests.durability.clients import client, create, ended, get, ids, joining, numbered, running, streaming
from tests.durability.place import GRAPHS, Place
from tests.live import until

STEPS = 40


@pytest.fixture(scope="module")
def place(shared_place: Place) -> Place:
    """The folder for the servers of this module."""
    return shared_place


@pytest.fixture(scope="module")
def one(place: Place) -> Iterator[Serving]:
    """The server that executes the runs."""
    with place.serve() as process:
        yield process


@pytest.fixture(scope="module")
def other(place: Place, one: Serving) -> Iterator[Serving]:
    """A server that only answers."""
    with place.serve(ROLE="api") as process:
        yield process


def test_get_and_join(place: Place, one: Serving, other: Serving) -> None:
    with client(one) as here, client(other) as there:
        run_id = create(here, place.tale(steps=5, pause=0.1, stream_mode="values"))
        assert running(there, run_id)["attempts"] == 1
        assert there.get(f"/runs/{run_id}/join").json()["told"] == 5
        assert get(there, run_id)["values"] == get(here, run_id)["values"]


def test_a_run_made_where_nothing_is_executed(place: Place, one: Serving, other: Serving) -> None:
    with client(other) as there:
        assert there.post("/runs/wait", json=place.tale(stream_mode="values", steps=1)).json()["told"] == 1
        with streaming(there, place.tale(steps=5)) as (run_id, stream):
            events = stream.rest()
        assert [name for name, _, _ in events] == ["metadata", *["custom"] * 5]
    assert {note.pid for note in place.notes(run_id)} == {one.process.pid}


@pytest.mark.parametrize("resumable", [True, False], ids=["resumable", "plain"])
def test_a_live_stream(place: Place, one: Serving, other: Serving, resumable: bool) -> None:
    with client(one) as here, client(other) as there:
        run_id = create(here, place.tale(steps=STEPS, pause=0.1, stream_resumable=resumable))
        running(there, run_id)
        with joining(there, run_id, "-1" if resumable else None) as stream:
            events = stream.rest()
        if resumable:
            assert ids(events) == numbered(STEPS + 1)
            with joining(there, run_id, "7") as stream:
                assert stream.rest() == events[7:]
        else:
            steps = [data["step"] for name, data, _ in events if name == "custom"]
            assert steps == list(range(steps[0], STEPS))


@pytest.mark.parametrize("action", ["interrupt", "rollback"])
def test_a_cancel_reaches_the_node(place: Place, one: Serving, other: Serving, action: str) -> None:
    with client(one) as here, client(other) as there:
        run_id = create(here, place.tale(steps=1, pause=60))
        until(lambda: place.notes(run_id, "started"))
        reply = there.post(f"/runs/{run_id}/cancel", params={"wait": "true", "action": action})
        assert reply.status_code == 200
        assert [note.pid for note in until(lambda: place.notes(run_id, "cancelled"))] == [one.process.pid]
        if action == "interrupt":
            assert get(here, run_id)["status"] == get(there, run_id)["status"] == "interrupted"
        else:
            assert here.get(f"/runs/{run_id}").status_code == there.get(f"/runs/{run_id}").status_code == 404


def test_a_cancel_of_many_reaches_their_nodes(place: Place, one: Serving, other: Serving) -> None:
    with client(one) as here, client(other) as there:
        runs = [create(here, place.tale(steps=1, pause=60)) for _ in range(3)]
        runs.append(create(here, place.tale(after_seconds=60)))
        until(lambda: all(place.notes(run_id, "started") for run_id in runs[:3]))
        assert there.post("/runs/cancel", json={"status": "all"}).status_code == 204
        assert [ended(here, run_id)["status"] for run_id in runs] == ["interrupted"] * 4


def test_a_delete_ends_a_run_and_its_followers(place: Place, one: Serving, other: Serving) -> None:
    with client(one) as here, client(other) as there:
        run_id = create(here, place.tale(steps=1, pause=60))
        until(lambda: place.notes(run_id, "started"))
        with joining(here, run_id) as stream:
            assert there.delete(f"/runs/{run_id}").status_code == 204
            stream.rest()
        until(lambda: place.notes(run_id, "cancelled"))
        assert here.get(f"/runs/{run_id}").status_code == there.get(f"/runs/{run_id}").status_code == 404


def test_a_client_that_leaves_one_process_ends_its_run_in_the_other(place: Place, one: Serving, other: Serving) -> None:
    with client(other) as there:
        body = place.tale(steps=1, pause=60, on_disconnect="cancel")
        with streaming(there, body) as (run_id, stream):
            stream.some(2)
        until(lambda: place.notes(run_id, "cancelled"))
        assert ended(there, run_id)["status"] == "interrupted"


def test_a_server_leaves_runs_of_graphs_that_it_does_not_have_to_others(tmp_path: Path) -> None:
    """As while a new version with another graph takes the place of an old one."""
    place, old = Place(tmp_path), tmp_path / "langgraph.json"
    graphs = GRAPHS.parent / "graphs.py"
    old.write_text(json.dumps({"graphs": {"clock": f"{graphs}:clock"}}))
    with place.serve(ROLE="api") as edge, client(edge) as http, place.serve(old) as without:
        waiting, known = create(http, place.tale()), create(http, place.tale(assistant_id="clock"))
        assert ended(http, known)["status"] == "success"
        assert get(http, waiting)["status"] == "pending"
        with client(without) as there:
            assert get(there, waiting)["status"] == "pending"
        with place.serve():
            assert ended(http, waiting)["status"] == "success"
