"""Delayed runs start when they are due, also after a restart."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator

import pytest

from tests.cli.processes import Serving
from tests.durability.clients import client, create, ended
from tests.durability.place import Place
from tests.live import until


@pytest.fixture(scope="module")
def server(shared_place: Place) -> Iterator[Serving]:
    """A server."""
    with shared_place.serve() as process:
        yield process


def started_at(place: Place, run_id: str) -> float:
    """The time at which the run's node began."""
    return until(lambda: place.notes(run_id, "started"))[0].at


def due(place: Place, run_id: str) -> float:
    """The time at which the run was due, from the store."""
    moment: float = place.rows("SELECT due FROM runs WHERE run_id = ?", run_id)[0][0]
    return moment


def test_delayed_runs_start_when_they_are_due_and_not_before(server: Serving, shared_place: Place) -> None:
    place = shared_place
    early = place.store.early
    with client(server) as http:
        runs = []
        for _ in range(10):
            asked = time.time()
            runs.append(create(http, place.tale(after_seconds=1)))
            assert asked + 1 - early <= due(place, runs[-1]) <= time.time() + 1 + early
        assert all(started_at(place, run_id) >= due(place, run_id) - early for run_id in runs)


def test_a_delayed_run_of_another_process_starts_as_well(server: Serving, shared_place: Place) -> None:
    """The process that made the run is gone when the run is due."""
    place = shared_place
    with place.serve() as other:
        with client(other) as http:
            run_id = create(http, place.tale(after_seconds=1))
        other.stop(signal.SIGKILL)
    assert started_at(place, run_id) >= due(place, run_id) - place.store.early


def test_a_run_that_is_due_after_a_restart_starts_then(place: Place) -> None:
    with place.serve() as first, client(first) as http:
        run_id = create(http, place.tale(after_seconds=5))
        first.stop(signal.SIGKILL)
    with place.serve() as second, client(second) as http:
        assert (ended(http, run_id)["status"], ended(http, run_id)["attempts"]) == ("success", 1)
    assert started_at(place, run_id) >= due(place, run_id) - place.store.early


def test_a_run_that_was_due_before_a_restart_starts_with_it(place: Place) -> None:
    with place.serve() as first, client(first) as http:
        run_id = create(http, place.tale(after_seconds=1))
        first.stop(signal.SIGKILL)
    until(lambda: time.time() > due(place, run_id) + 0.2)
    with place.serve() as second, client(second) as http:
        assert (ended(http, run_id)["status"], ended(http, run_id)["attempts"]) == ("success", 1)
