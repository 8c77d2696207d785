"""Workers are killed, twenty times, and told to end, while each has many runs under way."""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterable
from typing import Any

import httpx

from tests.cli.processes import Serving
from tests.durability.audit import Audit
from tests.durability.clients import client, ended, get
from tests.durability.place import Note, Place, servers, spread
from tests.live import DEADLINE, until

KILLS = 20
RUNS = 100
VARIABLES: dict[str, Any] = {"N_JOBS_PER_WORKER": str(RUNS // 2)}
"""Of two workers, each has half of the runs."""
LEASE = 5


def create_all(http: httpx.Client, place: Place, **fields: object) -> list[str]:
    """The ids of new runs of two seconds each."""
    reply = http.post("/runs/batch", json=[place.tale(steps=20, pause=0.1, **fields)] * RUNS)
    assert reply.is_success, reply.text
    return [run["run_id"] for run in reply.json()]


def until_begun(place: Place, runs: Iterable[str]) -> None:
    """Wait until all of these runs have begun."""
    until(lambda: {note.run_id for note in place.notes(what="started")} >= set(runs))


def begun_in(place: Place, pid: int) -> set[str]:
    """The runs that this process has begun."""
    return {note.run_id for note in place.notes(what="started") if note.pid == pid}


def held(place: Place, pid: int) -> set[str]:
    """The runs that this process has begun and not ended."""
    return begun_in(place, pid) - {note.run_id for note in place.notes(what="ended")}


def test_runs_of_a_killed_worker_begin_again_elsewhere(place: Place) -> None:
    again: list[float] = []
    moved = 0
    with servers(place, "api", "worker", LEASE_SECONDS=str(LEASE), **VARIABLES) as (api, worker), client(api) as http:
        place.script(place.store.audit)
        for _ in range(KILLS):
            with place.serve(ROLE="worker", LEASE_SECONDS=str(LEASE), **VARIABLES) as victim:
                runs = create_all(http, place)
                until_begun(place, runs)
                time.sleep(random.uniform(0, 2))
                victim.process.kill()
                victim.process.wait(DEADLINE)
                killed = time.time()
            lost = held(place, victim.process.pid)
            assert {ended(http, run_id)["status"] for run_id in runs} == {"success"}
            moved += len(lost)
            again += [note.at - killed for run_id in lost for note in begun(place, run_id, worker)]
            audit = Audit.read(place)
            assert [run_id for run_id in runs if [status for status, _ in audit.ends[run_id]] != ["success"]] == []
            # What had come to its end, but not to its commit, begins again as well.
            assert {run_id for run_id in runs if len(audit.starts[run_id]) > 1} <= begun_in(place, victim.process.pid)
            assert all(len(audit.starts[run_id]) == 2 for run_id in lost)
    median, _, longest = spread(again)
    print(f"{KILLS} kills of a worker, {moved} runs begun again {median:.2f} s after the kill, at most {longest:.2f}")
    assert longest < LEASE + 3


def begun(place: Place, run_id: str, worker: Serving) -> list[Note]:
    """When the run has begun in this process."""
    return [note for note in place.notes(run_id, "started") if note.pid == worker.process.pid]


def test_a_worker_that_is_told_to_end_hands_its_runs_over_at_once(place: Place) -> None:
    variables: dict[str, Any] = {"LEASE_SECONDS": "60", "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "0.5"}
    with servers(place, "api", **variables) as (api,), client(api) as http:
        with place.serve(ROLE="worker", **variables) as leaving:
            runs = create_all(http, place)
            until_begun(place, runs)
            with place.serve(ROLE="worker", **variables) as worker:
                mine = held(place, leaving.process.pid)
                told = time.time()
                assert leaving.stop() in (0, -signal.SIGTERM)
                left = time.time()
                assert {ended(http, run_id)["status"] for run_id in runs} == {"success"}
        assert {get(http, run_id)["attempts"] for run_id in runs} == {1}
        again = [note.at - told for run_id in mine for note in begun(place, run_id, worker)]
    median, _, longest = spread(again)
    print(
        f"SIGTERM with {len(mine)} runs under way and a grace of 0.5 s: gone after {left - told:.2f} s; "
        f"its runs begun again elsewhere after {median:.2f} s, at most {longest:.2f}"
    )
