"""`treadle serve`: its messages, its address, its end."""

from __future__ import annotations

import os
import pty
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import Serving, check_refusal, command, environment, serve, treadle
from tests.live import DEADLINE, EXAMPLES, GRAPHS, until


@pytest.fixture(scope="module")
def running() -> Iterator[Serving]:
    """A server of the test graphs on a free port."""
    with serve("--port", "0") as process:
        yield process


def wait(url: str, graph: str, given: object, timeout: float = DEADLINE) -> object:
    """The outcome of a run."""
    body = {"assistant_id": graph, "input": given}
    return httpx.post(f"{url}/runs/wait", json=body, timeout=timeout).json()


def test_the_log_on_a_pipe_is_json_and_names_url_graphs_and_store(running: Serving) -> None:
    said = running.announcement
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+", said["url"])
    assert said["graphs"][:3] == ["simple", "slow", "failing"]
    assert said["store"].startswith("sqlite:///")
    assert (said["level"], said["version"]) == (
        "info",
        httpx.get(f"{said['url']}/info", timeout=DEADLINE).json()["version"],
    )
    assert {"timestamp", "logger"} <= set(said)


def test_a_memory_store_says_that_runs_end_with_the_process(running: Serving) -> None:
    assert "end with this process" not in str(running.lines())
    with serve(DATABASE_URI="memory://") as forgetful:
        assert "end with this process" in str(forgetful.lines())


def test_the_default_store_is_a_file_in_the_working_directory(tmp_path: Path) -> None:
    process = subprocess.Popen(
        command("serve", EXAMPLES, "--port", "0"), env=environment(), cwd=tmp_path, stderr=subprocess.DEVNULL
    )
    try:
        until((tmp_path / ".treadle" / "runs.db").is_file)
        assert (tmp_path / ".treadle" / ".gitignore").is_file()
    finally:
        process.kill()
        process.wait(DEADLINE)


def test_it_serves(running: Serving) -> None:
    assert wait(running.url, "simple", {"foo": 1}) == {"foo": 1, "items": ["a", "b"]}


def test_the_log_tells_each_run_and_why_it_failed(running: Serving) -> None:
    assert wait(running.url, "failing", {"foo": "own"})
    line = until(lambda: [line for line in running.lines() if line.get("graph") == "failing"])[0]
    assert (line["level"], line["status"]) == ("error", "error")
    assert "OwnError: secret" in line["exception"]
    assert "graphs_under_test.py" in line["exception"]
    assert "site-packages" not in line["exception"]


def test_a_banner_on_a_terminal_names_graphs_store_and_urls(tmp_path: Path) -> None:
    terminal, end = pty.openpty()
    process = subprocess.Popen(command("serve", EXAMPLES, "--port", "0"), env=environment(), cwd=tmp_path, stderr=end)
    os.close(end)
    banner = b""
    while b"openapi.json" not in banner:
        banner += os.read(terminal, 4096)
    process.terminate()
    assert process.wait(DEADLINE) in (0, -signal.SIGTERM)
    os.close(terminal)
    for part in (b"triage, agent", b"sqlite:///.treadle/runs.db", b"http://127.0.0.1:", b"/runs/wait"):
        assert part in banner


# Where it listens


@pytest.fixture
def default_port_taken() -> Iterator[None]:
    """Listen on port 2024, unless another process does already."""
    with socket.socket() as taken:
        try:
            taken.bind(("127.0.0.1", 2024))
            taken.listen()
        except OSError:
            socket.create_connection(("127.0.0.1", 2024)).close()
        yield


@pytest.mark.usefixtures("default_port_taken")
def test_a_default_port_that_is_taken_moves_and_says_so() -> None:
    with serve() as process:
        assert not process.url.endswith(":2024")
        assert httpx.get(f"{process.url}/ok", timeout=DEADLINE).json()["ok"]
        assert re.search("2024|taken", str(process.lines()))


def test_an_asked_port_that_is_taken_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        check_refusal(treadle("serve", GRAPHS, "--port", port), port, "taken")


# Its end


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT], ids=lambda how: how.name)
def test_a_signal_ends_it(how: signal.Signals) -> None:
    with serve("--port", "0") as process:
        assert process.stop(how) in (0, -how)
        assert not [line for line in process.lines() if line["level"] in ("warning", "error", "critical")]


def test_runs_under_way_may_end() -> None:
    with serve("--port", "0", BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="60") as process:
        body = {"assistant_id": "slow", "input": {"seconds": 0.5}}
        with httpx.stream("POST", f"{process.url}/runs/wait", json=body, timeout=DEADLINE) as response:
            assert process.stop() in (0, -signal.SIGTERM)
            assert response.read() == b'{"seconds":0.5,"done":true}'


def test_after_the_grace_period_clients_see_a_break() -> None:
    """A clean end would pass for the end of the run."""
    with serve("--port", "0", BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="0.1") as process:
        body = {"assistant_id": "slow", "input": {"seconds": 60}}
        with httpx.stream("POST", f"{process.url}/runs/stream", json=body, timeout=DEADLINE) as response:
            assert process.stop() in (0, -signal.SIGTERM)
            with pytest.raises(httpx.TransportError):
                response.read()


def test_no_exception_of_a_node_stops_the_server() -> None:
    with serve("--port", "0") as process:
        for error in ("SystemExit", "GeneratorExit", "KeyboardInterrupt"):
            failed = wait(process.url, "raising", {"foo": error})
            assert failed == {"__error__": {"error": error, "message": "An internal error occurred"}}
            assert wait(process.url, "simple", {"foo": 1}) == {"foo": 1, "items": ["a", "b"]}


# Settings


def test_the_environment_is_read_and_a_flag_beats_it() -> None:
    with serve(
        "--port",
        "0",
        "--concurrency",
        "1",
        N_JOBS_PER_WORKER="50",
        HTTP_MAX_REQUEST_BODY_BYTES="100",
        BG_JOB_TIMEOUT_SECS="3",
    ) as process:
        assert httpx.post(f"{process.url}/runs", content=b" " * 101, timeout=DEADLINE).status_code == 413
        body = {"assistant_id": "slow", "input": {"seconds": 60}}
        runs = [httpx.post(f"{process.url}/runs", json=body, timeout=DEADLINE).json()["run_id"] for _ in range(2)]
        statuses = [httpx.get(f"{process.url}/runs/{run_id}", timeout=DEADLINE).json()["status"] for run_id in runs]
        assert statuses == ["running", "pending"]
        outcome = httpx.get(f"{process.url}/runs/{runs[1]}/join", timeout=DEADLINE).json()
        assert outcome == {"__error__": {"error": "TimeoutError", "message": ""}}


# `make serve`, which a newcomer types first


@pytest.mark.parametrize(
    ("said", "flags"),
    [
        ([], []),
        (["PORT=8000"], ["--port", "8000"]),
        (["HOST=0.0.0.0", "PORT=8000"], ["--host", "0.0.0.0", "--port", "8000"]),
        (["ARGS=--reload --log-level debug"], ["--reload", "--log-level", "debug"]),
    ],
    ids=["nothing", "a port", "host and port", "further flags"],
)
def test_make_serve_passes_on_what_it_is_told(said: list[str], flags: list[str]) -> None:
    """HOST and PORT of the environment do not count: shells may set them."""
    root = EXAMPLES.parent.parent
    env = environment(HOST="some-machine", PORT="9", MAKEFLAGS="")  # `make test` has flags of its own
    make = ["make", "--no-print-directory", "-n", "serve", *said]
    made = subprocess.run(make, cwd=root, env=env, capture_output=True, text=True, check=True)
    command_line = made.stdout.splitlines()[-1].split()
    assert command_line[1:] == ["serve", "examples/langgraph.json", *flags]
