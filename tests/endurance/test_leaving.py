"""Signals end a server, and changes restart it with `--reload`: no traceback, and no run is lost."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import command, environment, serve
from tests.live import DEADLINE, until

GRAPH = """
import asyncio, operator, pathlib
from typing import Annotated
from typing_extensions import TypedDict
from langgraph.graph import START, StateGraph

class Items(TypedDict, total=False):
    seconds: float
    items: Annotated[list, operator.add]

async def pause(state):
    pathlib.Path("entered").open("a").write("x")
    await asyncio.sleep(state["seconds"] if len(pathlib.Path("entered").read_text()) == 1 else 0)
    return {"items": ["VERSION"]}

graph = StateGraph(Items).add_node(pause).add_edge(START, "pause").compile()
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_second_signal_stops_at_once_and_without_a_traceback(number: signal.Signals, workers: str) -> None:
    """With open waits, streams and joins."""
    body = {"assistant_id": "slow", "input": {"seconds": 60}}
    with (
        serve("--port", "0", "--workers", workers, BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="300") as server,
        httpx.Client(base_url=server.url, timeout=DEADLINE) as http,
        ExitStack() as under_way,
    ):
        run_id = http.post("/runs", json=body).json()["run_id"]
        calls = [("POST", "/runs/wait"), ("POST", "/runs/stream"), ("GET", f"/runs/{run_id}/join")]
        # Each answers with its headers before the run ends.
        open_answers = [under_way.enter_context(http.stream(how, path, json=body)) for how, path in calls * 3]
        server.process.send_signal(number)
        until(lambda: "waiting for runs to end" in str(server.lines()))
        server.process.send_signal(number)
        server.process.wait(DEADLINE)
        for answer in open_answers:
            with pytest.raises(httpx.TransportError):
                answer.read()
        said = server.lines()
    assert "a second Ctrl-C" in str(said)
    assert [line for line in said if line["level"] in ("error", "critical") or "exception" in line] == []


def test_a_request_that_has_no_answer_yet_is_refused_in_json() -> None:
    """The request's body is still on its way when a second signal comes."""
    with (
        serve("--port", "0", BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="300") as server,
        httpx.Client(base_url=server.url, timeout=DEADLINE) as http,
    ):
        http.post("/runs", json={"assistant_id": "slow", "input": {"seconds": 60}})
        host, port = server.url.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=DEADLINE) as client:
            client.sendall(b"POST /runs/wait HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
            assert client.recv(1000).startswith(b"HTTP/1.1 100")  # its body is awaited
            server.process.send_signal(signal.SIGINT)
            until(lambda: "waiting for runs to end" in str(server.lines()))
            server.process.send_signal(signal.SIGINT)
            with client.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 503") and b"application/json" in head, head
        assert "shutting down" in json.loads(body)["detail"]
        assert server.process.wait(DEADLINE) == 0
        assert [line for line in server.lines() if line["level"] in ("error", "critical")] == []


def test_blocked_threads_do_not_keep_it() -> None:
    with serve("--port", "0", BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS="300") as server:
        body = {"assistant_id": "sleeping", "input": {"foo": "held"}}
        with httpx.stream("POST", f"{server.url}/runs/stream", json=body, timeout=DEADLINE) as stream:
            assert next(line for line in stream.iter_lines() if "held" in line)
            for _ in range(2):
                server.process.send_signal(signal.SIGINT)
                until(lambda: "waiting for runs to end" in str(server.lines()))
            assert server.process.wait(DEADLINE) == 0


@contextmanager
def reloading(folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`treadle serve --reload` on a project of one graph; its log is in the folder beside it."""
    with folder.with_name("log").open("wb") as log:
        process = subprocess.Popen(
            command("serve", "--reload", "--port", "0"), env=environment(), cwd=folder, stderr=log
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(DEADLINE)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of one graph."""
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "langgraph.json").write_text(json.dumps({"graphs": {"g": "./g.py:graph"}}))
    (folder / "g.py").write_text(GRAPH.replace("VERSION", "first"))
    return folder


def said(folder: Path) -> list[str]:
    return folder.with_name("log").read_text().splitlines()


def urls(folder: Path) -> list[str]:
    """The server's URL after each of its starts."""
    return [json.loads(line)["url"] for line in said(folder) if '"event":"serving"' in line]


def test_reload_says_what_is_wrong_in_one_line_and_goes_on_watching(project: Path) -> None:
    with reloading(project):
        until(lambda: urls(project))
        (project / "g.py").write_text("def broken(:\n")
        [line] = until(lambda: [line for line in said(project) if line.startswith("treadle: ")])
        assert "SyntaxError" in line and "g.py" in line
        (project / "g.py").write_text(GRAPH.replace("VERSION", "mended"))
        url = until(lambda: urls(project)[1:])[0]
        body = {"assistant_id": "g", "input": {"seconds": 0}}
        assert httpx.post(f"{url}/runs/wait", json=body, timeout=DEADLINE).json()["items"] == ["mended"]
    assert "Traceback" not in str(said(project))


def test_reload_watches_a_project_that_cannot_start(project: Path) -> None:
    (project / "g.py").write_text("def broken(:\n")
    with reloading(project):
        until(lambda: said(project))
        (project / "g.py").write_text(GRAPH.replace("VERSION", "mended"))
        until(lambda: urls(project))
    [line] = [line for line in said(project) if not line.startswith("{")]
    assert "SyntaxError" in line


def test_a_reloading_server_ends_with_a_parent_that_was_killed(project: Path) -> None:
    with reloading(project) as parent:
        url = until(lambda: urls(project))[0]
        parent.kill()
        parent.wait(DEADLINE)
        until(lambda: not answers(url))


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ok", timeout=DEADLINE).is_success
    except httpx.TransportError:
        return False


def test_reload_gives_a_run_back_and_the_next_process_begins_it_again(project: Path) -> None:
    with reloading(project):
        url = until(lambda: urls(project))[0]
        run = httpx.post(f"{url}/runs", json={"assistant_id": "g", "input": {"seconds": 600}}, timeout=DEADLINE).json()
        until((project / "entered").exists)
        (project / "g.py").write_text(GRAPH.replace("VERSION", "second"))
        until(lambda: urls(project)[1:])
        outcome = httpx.get(f"{url}/runs/{run['run_id']}/join", timeout=DEADLINE).json()
        assert outcome["items"] == ["second"]
        assert httpx.get(f"{url}/runs/{run['run_id']}", timeout=DEADLINE).json()["attempts"] == 1
    assert "Traceback" not in str(said(project))
