"""A process that ends lets its clients see the end of runs that other processes execute."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from contextlib import AbstractContextManager
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import Serving, environment
from tests.cli.projects import project
from tests.durability.place import Place
from tests.live import DEADLINE, until


def api(place: Place) -> AbstractContextManager[Serving]:
    """A process that executes nothing, with a long grace period."""
    return place.serve(ROLE="api", BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS=str(DEADLINE))


def test_open_answers_about_the_runs_of_others_end_within_the_grace_period(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve(), api(place) as edge, httpx.Client(base_url=edge.url, timeout=DEADLINE) as http:
        with http.stream("POST", "/runs/stream", json=place.tale(steps=20, pause=0.1)) as stream:
            lines = stream.iter_lines()
            until(lambda: next(lines).startswith("event: custom"))
            edge.process.send_signal(signal.SIGTERM)
            until(lambda: httpx.get(f"{edge.url}/ok", timeout=DEADLINE).status_code == 503)
            events = [line for line in lines if line.startswith("event: ")]
        assert events == ["event: custom"] * 19
        assert edge.process.wait(DEADLINE) == 0


def test_a_second_signal_ends_the_wait(tmp_path: Path) -> None:
    place = Place(tmp_path)
    with place.serve(), api(place) as edge, httpx.Client(base_url=edge.url, timeout=DEADLINE) as http:
        run = http.post("/runs", json=place.tale(steps=1, pause=DEADLINE)).json()
        until(lambda: place.notes(run["run_id"], "started"))
        with http.stream("GET", f"/runs/{run['run_id']}/stream"):
            edge.process.send_signal(signal.SIGTERM)
            until(lambda: httpx.get(f"{edge.url}/ok", timeout=DEADLINE).status_code == 503)
            edge.process.send_signal(signal.SIGTERM)
            assert edge.process.wait(DEADLINE) == 0
        assert place.notes(run["run_id"], "cancelled") == []


@pytest.mark.skipif(
    shutil.which("unshare") is None or os.getuid() != 0, reason="needs unshare (Debian: util-linux) and its rights"
)
def test_the_first_process_of_a_container_ends_while_it_starts(tmp_path: Path) -> None:
    waiting = "import pathlib, time\npathlib.Path('importing').touch()\ntime.sleep(600)\n"
    config = project(tmp_path, {"graphs": {"graph": "./waiting.py:graph"}}, waiting=waiting)
    line = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-m", "treadle", "serve", str(config)]
    with subprocess.Popen(line, cwd=tmp_path, env=environment(), stderr=subprocess.DEVNULL) as container:
        until((tmp_path / "importing").exists)
        children = Path(f"/proc/{container.pid}/task/{container.pid}/children").read_text()
        os.kill(int(children), signal.SIGTERM)
        assert container.wait(DEADLINE) == 128 + signal.SIGTERM
