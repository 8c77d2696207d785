"""The connections over which processes of a database hear of one another are cut: nothing is missed."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from tests.cli.processes import Serving
from tests.databases import needs_postgres
from tests.durability.clients import client, create, ended, ids, joining, numbered, streaming
from tests.durability.place import Place, a_place, servers
from tests.live import until

pytestmark = needs_postgres
STEPS = 60
CUT = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name = ?"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A folder for the servers of this module."""
    with a_place(tmp_path_factory.mktemp("place"), "postgresql") as place:
        yield place


@pytest.fixture(scope="module")
def processes(place: Place) -> Iterator[list[Serving]]:
    """A process that only answers, and one that executes the runs. Only their connections say what is new."""
    with servers(place, "api", "worker", LEASE_SECONDS="20") as both:
        yield both


def cut(place: Place) -> int:
    """End the connections that listen; how many there were."""
    [(number,)] = place.rows(CUT, f"treadle_{place.settings()['DATABASE_SCHEMA']}")
    return int(number)


def cut_all(place: Place) -> None:
    """Wait until both processes listen, and end their connections."""
    until(lambda: cut(place) == 2)


def test_streams_have_neither_gap_nor_repeat(place: Place, processes: list[Serving]) -> None:
    over = Event()

    def follow(resumable: bool) -> None:
        with client(processes[0]) as http:
            body = place.tale(steps=STEPS, pause=0.05, stream_resumable=resumable)
            with streaming(http, body) as (_, stream):
                events = stream.rest()
        assert [data["step"] for name, data, _ in events if name == "custom"] == list(range(STEPS))
        assert not resumable or ids(events) == numbered(STEPS + 1)

    with ThreadPoolExecutor(12) as pool:
        following = [pool.submit(follow, number % 2 == 0) for number in range(10)]
        cutting = pool.submit(lambda: sum(cut(place) for _ in iter(lambda: over.wait(0.2), True)))
        for each in following:
            each.result()
        over.set()
        assert cutting.result() > 2


def test_a_cancel_and_a_new_run_arrive(place: Place, processes: list[Serving]) -> None:
    with client(processes[0]) as http:
        run_id = create(http, place.tale(steps=1, pause=60))
        until(lambda: place.notes(run_id, "started"))
        cut_all(place)
        assert http.post(f"/runs/{run_id}/cancel?wait=true").status_code == 200
        assert ended(http, run_id)["status"] == "interrupted"
        cut_all(place)
        assert http.post("/runs/wait", json=place.tale(steps=2, stream_mode="values")).json()["told"] == 2


def test_events_that_somebody_wants_while_nobody_listens_are_written(place: Place, processes: list[Serving]) -> None:
    with client(processes[0]) as http:
        run_id = create(http, place.tale(steps=STEPS, pause=0.05))
        until(lambda: place.notes(run_id, "started"))
        cut_all(place)
        with joining(http, run_id) as stream:
            steps = [data["step"] for name, data, _ in stream.rest() if name == "custom"]
        assert steps == list(range(steps[0], STEPS))
