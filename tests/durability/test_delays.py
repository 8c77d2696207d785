"""Delayed runs start when they are due, also after a restart."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.processes import Serving
from tests.durability.clients import client, create, ended
from tests.durability.place import Place
from tests.live import until


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """A folder for the servers of this module."""
    return Place(tmp_path_factory.mktemp("place"))


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[Serving]:
    """A server."""
    with place.serve() as process:
        yield process


def started_at(place: Place, run_id: str) -> float:
    """The time at which the run's node began."""
    return until(lambda: place.notes(run_id, "started"))[0].at


def due(place: Place, run_id: str) -> float:
    """The time at which the run was due, from the file."""
    moment: float = place.rows("SELECT due FROM runs WHERE run_id = ?", run_id)[0][0]
    return moment


def test_delayed_runs_start_when_they_are_due_and_not_before(server: Serving, place: Place) -> None:
    with client(server) as http:
        runs = []
        for _ in range(10):
            asked = time.time()
            runs.append(create(http, place.tale(after_seconds=1)))
            assert asked + 1 <= due(place, runs[-1]) <= time.time() + 1
        assert all(started_at(place, run_id) >= due(place, run_id) for run_id in runs)


def test_a_delayed_run_of_another_process_starts_as_well(server: Serving, place: Place) -> None:
    """The process that made the run is gone when the run is due."""
    with place.serve() as other:
        with client(other) as http:
            run_id = create(http, place.tale(after_seconds=1))
        other.stop(signal.SIGKILL)
    assert started_at(place, run_id) >= due(place, run_id)


def test_a_run_that_is_due_after_a_restart_starts_then(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve() as first, client(first) as http:
        run_id = create(http, place.tale(after_seconds=5))
        first.stop(signal.SIGKILL)
    with place.serve() as second, client(second) as http:
        assert (ended(http, run_id)["status"], ended(http, run_id)["attempts"]) == ("success", 1)
    assert started_at(place, run_id) >= due(place, run_id)


def test_a_run_that_was_due_before_a_restart_starts_with_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve() as first, client(first) as http:
        run_id = create(http, place.tale(after_seconds=1))
        first.stop(signal.SIGKILL)
    until(lambda: time.time() > due(place, run_id) + 0.2)
    with place.serve() as second, client(second) as http:
        assert (ended(http, run_id)["status"], ended(http, run_id)["attempts"]) == ("success", 1)
