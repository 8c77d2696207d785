"""Threads, states and histories of kept runs outlive their process."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import httpx

from tests.durability.clients import client, create, ended
from tests.durability.place import Place
from tests.live import GRAPHS as OTHERS
from tests.live import until


def body(gate: Path) -> dict[str, Any]:
    """The request for a kept run that waits at a gate."""
    return {"assistant_id": "keeping", "input": {"gate": str(gate)}, "on_completion": "keep"}


def left(http: httpx.Client, thread_id: str) -> list[Any]:
    """A thread, its state, its history and its runs."""
    replies = [http.get(f"/threads/{thread_id}{what}") for what in ("", "/state", "/history", "/runs")]
    assert {reply.status_code for reply in replies} == {200}
    [runs] = [replies[3].json()]
    for run in runs:
        run.pop("kwargs")  # names the address of the server
    return [*[reply.json() for reply in replies[:3]], runs]


def test_thread_state_and_history_survive_a_kill(tmp_path: Path) -> None:
    place, gate = Place(tmp_path), tmp_path / "gate"
    gate.touch()
    with place.serve() as server, client(server) as http:
        run = ended(http, create(http, body(gate)))
        before = left(http, run["thread_id"])
        server.stop(signal.SIGKILL)
    assert (tmp_path / "checkpoints.db").exists()
    with place.serve() as server, client(server) as http:
        assert left(http, run["thread_id"]) == before
        assert [state["values"].get("been") for state in before[2]] == [["first", "second"], ["first"], None, None]
        # The new process can read the thread and delete it.
        assert http.delete(f"/threads/{run['thread_id']}").status_code == 204
        assert http.get(f"/threads/{run['thread_id']}").status_code == 404


def test_a_run_that_was_killed_begins_anew_and_its_history_has_only_its_last_attempt(tmp_path: Path) -> None:
    place, gate = Place(tmp_path), tmp_path / "gate"
    with place.serve() as server, client(server) as http:
        run_id = create(http, body(gate))
        thread_id = http.get(f"/runs/{run_id}").json()["thread_id"]
        until(lambda: http.get(f"/threads/{thread_id}/state").json()["next"] == ["second"])
        old = {state["checkpoint"]["checkpoint_id"] for state in http.get(f"/threads/{thread_id}/history").json()}
        assert http.get(f"/threads/{thread_id}").json()["status"] == "busy"
        server.stop(signal.SIGKILL)
    gate.touch()
    with place.serve() as server, client(server) as http:
        run = ended(http, run_id)
        assert (run["status"], run["attempts"]) == ("success", 2)
        history = http.get(f"/threads/{thread_id}/history").json()
        assert [state["values"].get("been") for state in history] == [["first", "second"], ["first"], None, None]
        assert not old & {state["checkpoint"]["checkpoint_id"] for state in history}
        assert http.get(f"/threads/{thread_id}").json()["status"] == "idle"


def test_a_thread_of_a_graph_that_is_not_here_says_so(tmp_path: Path) -> None:
    place, gate = Place(tmp_path), tmp_path / "gate"
    gate.touch()
    with place.serve() as server, client(server) as http:
        thread_id = ended(http, create(http, body(gate)))["thread_id"]
    with place.serve(OTHERS) as server, client(server) as http:
        assert http.get(f"/threads/{thread_id}").status_code == 200
        for reply in (
            http.get(f"/threads/{thread_id}/state"),
            http.get(f"/threads/{thread_id}/history"),
            http.post(f"/threads/{thread_id}/history", json={}),
            http.post(f"/threads/{thread_id}/state/checkpoint", json={"checkpoint": {"checkpoint_ns": ""}}),
        ):
            assert reply.status_code == 422
            assert reply.json()["detail"].startswith("thread_id: it is a thread of 'keeping'")
