"""A server makes no connection to the outside that no run asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.processes import Serving, environment
from tests.live import DEADLINE, GRAPHS, until
from tests.web.calls import create, detail, stream, wait
from tests.web.creating import PATHS

ROOT = Path(__file__).parents[2]


@contextmanager
def confined(folder: Path, config: Path, **variables: str) -> Iterator[Serving]:
    """A server that cannot call out; the file `calls` lists its attempts."""
    log = folder / "log"
    command = [sys.executable, "-m", "tests.cli.confined", str(folder / "calls"), "serve", str(config), "--port", "0"]
    settings = {"DATABASE_URI": f"sqlite:///{folder}/runs.db", "BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "1", **variables}
    with log.open("wb") as stderr:
        process = subprocess.Popen(command, env=environment(**settings), cwd=ROOT, stderr=stderr)
    try:
        yield Serving(process, log)
    finally:
        process.kill()
        process.wait(DEADLINE)


def calls(folder: Path) -> list[str]:
    file = folder / "calls"
    return file.read_text().splitlines() if file.exists() else []


def test_a_server_calls_nobody(tmp_path: Path) -> None:
    """From its start to its end, with runs of every kind."""
    with (
        confined(tmp_path, GRAPHS) as server,
        httpx.Client(base_url=server.url, timeout=DEADLINE) as http,
    ):
        assert wait(http, "simple", {"foo": 1}) == {"foo": 1, "items": ["a", "b"]}
        assert stream(http, "chat", {"messages": [{"role": "user", "content": "hello"}]}, stream_mode="messages")
        kept = create(http, "simple", {"foo": 1}, on_completion="keep")
        assert http.get(f"/runs/{kept['run_id']}/join").status_code == 200
        assert http.get(f"/threads/{kept['thread_id']}/state").status_code == 200
        assert (
            http.post("/runs/batch", json=[{"assistant_id": "failing", "input": {"foo": "value"}}]).status_code == 200
        )
        for path in ("/ok", "/info", "/openapi.json"):
            assert http.get(path).status_code == 200
        assert http.post("/runs", json={"assistant_id": "simple", "webhook": "http://127.0.0.1/"}).status_code == 422
        assert server.stop() <= 0
    assert calls(tmp_path) == []


@pytest.mark.parametrize("path", PATHS.values())
def test_the_only_call_is_the_one_that_a_run_asks_for(tmp_path: Path, path: str) -> None:
    config = tmp_path / "langgraph.json"
    graph = f"{GRAPHS.parent / 'graphs_under_test.py'}:simple"
    url: dict[str, Any] = {"disable_loopback": False, "require_https": False}
    config.write_text(json.dumps({"graphs": {"simple": graph}, "webhooks": {"url": url}}))
    with (
        confined(tmp_path, config) as server,
        httpx.Client(base_url=server.url, timeout=DEADLINE) as http,
    ):
        body = {"assistant_id": "simple", "input": {"foo": 1}, "webhook": "http://127.0.0.1:9/hook"}
        assert http.post(path, json=[body] if path == "/runs/batch" else body).status_code == 200
        until(lambda: calls(tmp_path))
    assert set(calls(tmp_path)) == {"socket.connect ('127.0.0.1', 9)"}


def test_a_refusal_looks_no_name_up_that_it_can_judge_by_itself(tmp_path: Path) -> None:
    with (
        confined(tmp_path, GRAPHS) as server,
        httpx.Client(base_url=server.url, timeout=DEADLINE) as http,
    ):
        for host in ("10.0.0.1", "[::1]", "localhost", "metadata.google.internal"):
            body = {"assistant_id": "simple", "webhook": f"http://{host}/"}
            assert http.post("/runs", json=body).status_code == 422
        run = create(http, "simple", {"foo": 1})
        assert detail(http, run["run_id"])["webhook_deliveries"] == []
    assert calls(tmp_path) == []
