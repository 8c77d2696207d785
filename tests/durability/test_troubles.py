"""Troubles of a server's machine: locked files, no free descriptors, a full disk, nodes that do not let go."""

from __future__ import annotations

import resource
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from tests.durability.clients import client, create, ended, get, running
from tests.durability.place import Place
from tests.live import DEADLINE, until


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Lock the file against all other writers until the block is left."""
    with closing(sqlite3.connect(file, timeout=DEADLINE, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("ROLLBACK")


def kept(**fields: Any) -> dict[str, Any]:
    """The request for a kept run that ends at once."""
    return {"assistant_id": "keeping", "input": {"gate": "/"}, "on_completion": "keep", **fields}


def test_a_run_whose_lease_cannot_be_renewed_is_stopped_before_somebody_else_may_start_it(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve(LEASE_SECONDS="4") as server, client(server) as http:
        run_id = create(http, place.tale(steps=60, pause=0.1))
        until(lambda: place.notes(run_id, "started"))
        with locked(place.file):
            [(lease,)] = place.rows("SELECT lease FROM runs")
            [cancelled] = until(lambda: place.notes(run_id, "cancelled"))
            assert cancelled.at < lease
        run = ended(http, run_id)
    assert (run["status"], run["attempts"]) == ("success", 2)


def test_a_node_that_blocks_its_loop_does_not_cost_the_attempt_at_shutdown(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve(BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="0.2") as server, client(server) as http:
        run_id = create(http, {**place.tale(pause=DEADLINE), "assistant_id": "blocking"})
        until(lambda: place.notes(run_id, "started"))
        assert server.stop() in (0, -signal.SIGTERM)
    assert place.rows("SELECT status, attempt FROM runs") == [("pending", 0)]


def test_a_cancelled_node_that_blocks_its_loop_does_not_begin_again_in_the_next_process(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve(BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="0.2") as server, client(server) as http:
        run_id = create(http, {**place.tale(pause=DEADLINE), "assistant_id": "blocking"})
        until(lambda: place.notes(run_id, "started"))
        assert http.post(f"/runs/{run_id}/cancel").status_code == 202
        assert server.stop() in (0, -signal.SIGTERM)
    assert place.rows("SELECT status, attempt FROM runs") == [("interrupted", 1)]


def test_runs_that_cannot_begin_for_want_of_descriptors_begin_when_there_are_some(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve(BG_JOB_ISOLATED_LOOPS="true", N_JOBS_PER_WORKER="30") as server, client(server) as http:
        pid = server.process.pid
        reply = http.post("/runs/batch", json=[place.tale(pause=0.1, steps=1, after_seconds=3) for _ in range(30)])
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (len(list(Path(f"/proc/{pid}/fd").iterdir())) + 6, before[1]))
        until(lambda: [line for line in server.lines() if line["event"] == "an attempt cannot begin"])
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        for run in reply.json():
            found = ended(http, run["run_id"])
            assert found["attempts"] == 1
        assert create(http, place.tale())


def test_no_more_is_kept_than_is_allowed_though_nothing_expires(tmp_path: Path) -> None:
    place, limit = Place(tmp_path), 1_000_000
    body = {**place.tale(), "metadata": {"large": "x" * 200_000}}
    with place.serve(RUN_RETENTION_BYTES=str(limit)) as server, client(server) as http:
        ended(http, create(http, place.tale()))
        time.sleep(2.5)  # until the sweeper waits only for the end of the first run's hour
        runs = [create(http, body) for _ in range(20)]
        until(lambda: place.rows("SELECT count(*) FROM runs WHERE ended_at IS NULL") == [(0,)])
        until(lambda: place.rows("SELECT ended_bytes FROM totals")[0][0] <= limit)
        assert http.get(f"/runs/{runs[-1]}").status_code == 200
        assert http.get(f"/runs/{runs[0]}").status_code == 404


def test_checkpoints_that_could_not_be_opened_are_there_for_the_next_run(tmp_path: Path) -> None:
    place = Place(tmp_path)
    (tmp_path / "checkpoints.db").mkdir()
    with place.serve() as server, client(server) as http:
        assert ended(http, create(http, kept()))["status"] == "error"
        (tmp_path / "checkpoints.db").rmdir()
        assert ended(http, create(http, kept()))["status"] == "success"


def test_a_thread_whose_checkpoints_cannot_be_deleted_is_not_forgotten(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve() as server, client(server) as http:
        thread_id = ended(http, create(http, kept()))["thread_id"]
        with locked(tmp_path / "checkpoints.db"):
            refused = http.delete(f"/threads/{thread_id}")
            assert (refused.status_code, thread_id in refused.json()["detail"]) == (503, True)
            assert http.get(f"/threads/{thread_id}").status_code == 200
        assert http.delete(f"/threads/{thread_id}").status_code == 204
        assert http.get(f"/threads/{thread_id}").status_code == 404
    with closing(sqlite3.connect(tmp_path / "checkpoints.db")) as file:
        assert file.execute("SELECT count(*) FROM checkpoints").fetchone() == (0,)


def test_a_thread_deleted_in_another_process_while_its_run_lets_go_slowly_can_be_made_again(tmp_path: Path) -> None:
    place, gate = Place(tmp_path), tmp_path / "gate"
    body = {"assistant_id": "clinging", "input": {"gate": str(gate)}, "on_completion": "keep"}
    with place.serve() as one, client(one) as here, place.serve(ROLE="api") as other, client(other) as there:
        run_id = create(here, body)
        until(Path(f"{gate}.reached").exists)
        thread_id = running(here, run_id)["thread_id"]
        assert there.delete(f"/threads/{thread_id}").status_code == 204
        made = {
            "thread_id": thread_id,
            "metadata": {"graph_id": "keeping"},
            "supersteps": [{"updates": [{"values": {"been": ["new"]}, "as_node": "first"}]}],
        }
        assert there.post("/threads", json=made).status_code == 200
        ended(here, create(here, place.tale(steps=1, pause=1.5)))  # time for the old run to spoil it
        for http in (here, there):
            assert http.get(f"/threads/{thread_id}/state").json()["values"] == {"been": ["new"]}
        assert here.get(f"/runs/{run_id}").status_code == 404


def test_a_full_disk_refuses_new_runs_and_keeps_those_there_are(tmp_path: Path) -> None:
    """No file may grow: that is how a full disk looks from inside a process."""
    place = Place(tmp_path)
    with place.serve() as server, client(server) as http:
        pid = server.process.pid
        run_id, under_way = create(http, place.tale()), create(http, place.tale(steps=1, pause=2))
        ended(http, run_id)
        until(lambda: place.notes(under_way, "started"))
        before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (Path(f"{place.file}-wal").stat().st_size, before[1]))
        large = {**place.tale(), "metadata": {"large": "x" * 5_000_000}}
        for path, body in (("/runs", large), ("/runs/wait", large), ("/runs/stream", large), ("/runs/batch", [large])):
            reply = http.post(path, json=body)
            assert (reply.status_code, "run store" in reply.json()["detail"]) == (503, True), path
        assert get(http, run_id)["status"] == "success"
        until(lambda: place.notes(under_way, "ended"))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
        assert ended(http, under_way)["status"] == "success"
        assert ended(http, create(http, large))["status"] == "success"
    assert len(place.rows("SELECT * FROM runs")) == 3
