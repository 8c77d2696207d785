"""The database is killed and comes back: nothing that was accepted is lost, and no process ends."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.processes import Serving
from tests.database_server import DatabaseServer, a_database_server, installed
from tests.durability.clients import client, create, ended, get
from tests.durability.outages import outage
from tests.durability.place import Place, servers
from tests.durability.stores import Schema
from tests.live import until

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not installed(), reason="PostgreSQL: nothing to start a server with"),
]


@pytest.fixture
def database() -> Iterator[DatabaseServer]:
    """A database of this test's own."""
    with a_database_server() as server:
        yield server


@pytest.fixture
def place(database: DatabaseServer, tmp_path: Path) -> Place:
    """A folder for servers on that database."""
    return Place(tmp_path, Schema("treadle", database.uri))


async def test_a_restart_loses_nothing(place: Place, database: DatabaseServer) -> None:
    with servers(place, "api", "worker", "worker") as processes:
        seen = await outage(place, database, processes[0], down=1.0)
        print(seen.line(1.0))
        assert [each.process.poll() for each in processes] == [None] * 3
        assert set(seen.statuses) == {200, 503}
        with client(processes[0]) as http:
            assert {get(http, run_id)["status"] for run_id in seen.accepted} == {"success"}
    ends = {note.run_id for note in place.notes(what="ended")}
    assert set(seen.accepted) <= ends


def test_runs_under_way_stop_before_others_may_begin_them_and_begin_again(
    place: Place, database: DatabaseServer
) -> None:
    with servers(place, "api", "worker", LEASE_SECONDS="2") as (api, _), client(api) as http:
        run_id = create(http, place.tale(steps=30, pause=0.1))
        [begun] = until(lambda: place.notes(run_id, "started"))
        database.kill()
        [cancelled] = until(lambda: place.notes(run_id, "cancelled"))
        assert begun.at < cancelled.at
        database.start()
        run = ended(http, run_id)
    assert (run["status"], run["attempts"]) == ("success", 2)


def test_requests_to_a_database_that_says_nothing_are_refused_in_time(place: Place, database: DatabaseServer) -> None:
    with servers(place, "api", DATABASE_TIMEOUT_SECONDS="1") as (api,), client(api) as http:
        run_id = create(http, place.tale(after_seconds=60))
        with database.frozen():
            for _ in range(2):  # with a connection that was there, and without one
                replies = [
                    http.get("/ok?check_db=1"),
                    http.get(f"/runs/{run_id}"),
                    http.post("/runs", json=place.tale()),
                ]
                assert [reply.status_code for reply in replies] == [503] * 3
        until(lambda: http.get("/ok?check_db=1").status_code == 200)
        assert get(http, run_id)["status"] == "pending"


def test_a_process_ends_though_its_database_says_nothing(place: Place, database: DatabaseServer) -> None:
    with servers(place, "all", DATABASE_TIMEOUT_SECONDS="1", LEASE_SECONDS="60") as (server,), client(server) as http:
        run_id = create(http, place.tale(steps=600, pause=0.1))
        until(lambda: place.notes(run_id, "started"))
        with database.frozen():
            server.process.send_signal(signal.SIGTERM)
            server.process.wait(60)
        assert place.notes(run_id, "cancelled")


@pytest.mark.parametrize("pooled", [False, True], ids=["plain", "as behind a pooler"])
def test_a_database_that_says_nothing_any_more_does_not_let_a_run_go_on_beyond_its_lease(
    place: Place, database: DatabaseServer, pooled: bool
) -> None:
    """As with a network that drops packets: nobody is told that the connection is of no use."""
    variables: dict[str, Any] = {"LEASE_SECONDS": "3", "DATABASE_TIMEOUT_SECONDS": "30"}
    if pooled:
        variables["DATABASE_DIRECT_URI"] = database.uri
    with servers(place, "api", "worker", **variables) as (api, _), client(api) as http:
        run_id = create(http, place.tale(steps=50, pause=0.1))
        until(lambda: place.notes(run_id, "started"))
        with database.frozen():
            since = time.time()
            [cancelled] = until(lambda: place.notes(run_id, "cancelled"), within=20)
        run = ended(http, run_id)
    assert cancelled.at < since + 3
    assert (run["status"], run["attempts"]) == ("success", 2)


KEEPING: dict[str, Any] = {"assistant_id": "keeping", "on_completion": "keep"}


def test_a_kept_run_whose_checkpoints_cannot_be_written_begins_again(place: Place, database: DatabaseServer) -> None:
    """Its lease is so long that it is the checkpoints which fail."""
    gate = place.folder / "gate"
    with servers(place, "all", LEASE_SECONDS="8", DATABASE_TIMEOUT_SECONDS="1") as (server,), client(server) as http:
        run_id = create(http, {**KEEPING, "input": {"gate": str(gate)}})
        until(lambda: http.get(f"/threads/{get(http, run_id)['thread_id']}/state").json()["next"] == ["second"])
        database.kill()
        gate.touch()
        until(lambda: said(server, "a run without checkpoints begins again later"))
        database.start()
        run = ended(http, run_id)
        state = http.get(f"/threads/{run['thread_id']}/state").json()
    assert (run["status"], run["attempts"]) == ("success", 2)
    assert state["values"]["been"] == ["first", "second"]


def test_a_kept_run_waits_until_the_database_has_connections_for_its_thread(
    tmp_path: Path, database: DatabaseServer
) -> None:
    gate = tmp_path / "gate"
    gate.touch()
    with psycopg.connect(database.uri, autocommit=True) as owner:
        owner.execute("CREATE ROLE few LOGIN CONNECTION LIMIT 8; GRANT CREATE ON DATABASE postgres TO few")
    uri = database.uri.replace("postgres@", "few@")
    place = Place(tmp_path, Schema("treadle", uri))
    with servers(place, "all") as (server,), client(server) as http, ExitStack() as taken:
        with suppress(psycopg.OperationalError):
            while True:
                taken.enter_context(psycopg.connect(uri))
        run_id = create(http, {**KEEPING, "input": {"gate": str(gate)}})
        until(lambda: said(server, "a run cannot begin; trying again"))
        taken.close()
        run = ended(http, run_id)
    assert (run["status"], run["attempts"]) == ("success", 1)


def said(server: Serving, event: str) -> bool:
    """Whether there is such a line in the log of a server."""
    return any(line.get("event") == event for line in server.lines())
