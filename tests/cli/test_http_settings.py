"""The author's own application: what is wrong with it is one line at the start."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from tests.cli.processes import check_refusal, invoke, serve, treadle
from tests.cli.projects import project
from tests.live import DEADLINE

APP = """
from contextlib import asynccontextmanager
from starlette.applications import Starlette

@asynccontextmanager
async def lifespan(app):
    raise RuntimeError("no database")
    yield

failing = Starlette(lifespan=lifespan)
number = 5
"""


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("./app.py:failing", "http.app (./app.py:failing): its lifespan: RuntimeError: no database"),
        (
            "./app.py:number",
            "http.app (./app.py:number): this is of type int, and no application of Starlette",
        ),
        ("./app.py:missing", "http.app (./app.py:missing): AttributeError"),
        ("./none.py:app", "http.app (./none.py:app): FileNotFoundError"),
    ],
)
def test_what_is_wrong_with_the_application_is_one_line(tmp_path: Path, app: str, said: str) -> None:
    config = project(tmp_path, {"graphs": {"graph": "./graph.py:graph"}, "http": {"app": app}}, app=APP)
    check_refusal(invoke("run", "graph", "--config", config, "--input", "-", given="{}"), said)


def test_a_prefix_that_is_none_is_refused(tmp_path: Path) -> None:
    config = project(tmp_path, {"graphs": {"graph": "./graph.py:graph"}, "http": {"mount_prefix": "no slash"}})
    check_refusal(treadle("serve", config, "--port", "0"), "http.mount_prefix='no slash'")


def test_headers_are_logged(tmp_path: Path) -> None:
    http = {"logging_headers": {"includes": ["x-*"], "excludes": ["x-secret"]}}
    config = project(tmp_path, {"graphs": {"graph": "./graph.py:graph"}, "http": http})
    with serve("--port", "0", config=config) as process:
        httpx.post(f"{process.url}/runs/wait", json={}, headers={"x-request": "7", "x-secret": "s"}, timeout=DEADLINE)
        [line] = [line for line in process.lines() if line["event"] == "a request was refused"]
    assert line["headers"] == {"x-request": "7"}
