"""Every answer of a server under test is judged: a test in which one is wrong fails."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest

from tests import judging
from tests.contract.planted import Faulty
from tests.contract.server import PLANTED
from tests.live import DEADLINE, serving
from treadle.edge import application

ROOT = Path(__file__).parent.parent
RUN = {"assistant_id": "simple", "input": {"foo": "x"}, "on_completion": "keep"}
CREATE, WAIT, STREAM, BATCH = (
    ("POST", "/runs"),
    ("POST", "/runs/wait"),
    ("POST", "/runs/stream"),
    ("POST", "/runs/batch"),
)


@pytest.fixture(scope="module")
def faulty() -> Iterator[httpx.Client]:
    """A client of a server with the bugs that a request names, whose answers are judged."""
    with (
        patch("tests.live.application", lambda running: Faulty(application(running), [])),
        serving() as live,
        live.client() as client,
    ):
        yield client


@pytest.mark.parametrize(
    ("bug", "asked", "body", "problem"),
    [
        ("undeclared_status", CREATE, RUN, "the status is not declared"),
        ("run_without_thread", CREATE, RUN, "thread_id: null"),
        ("run_off_schema", CREATE, RUN, "status: "),
        ("replayed_in_words", CREATE, RUN, "the header Idempotent-Replayed is 'no'"),
        ("text_error", CREATE, {}, "is not JSON"),
        ("error_without_detail", CREATE, {}, "detail"),
        ("location_missing", WAIT, RUN, "the header Content-Location is missing"),
        ("wait_as_text", WAIT, RUN, "is not JSON"),
        ("metadata_off_schema", STREAM, RUN, "event metadata: attempt"),
        ("end_event", STREAM, RUN, "event end"),
        ("bare_newlines", STREAM, RUN, "CRLF"),
        ("stream_as_json", STREAM, RUN, "text/event-stream is declared"),
        ("batch_as_object", BATCH, [RUN], "the body: "),
        ("total_missing", ("POST", "/assistants/search"), {}, "the header X-Pagination-Total is missing"),
        ("thread_created", ("POST", "/threads"), {}, "the status is not declared"),
        ("timing_without_names", ("GET", "/ok"), None, None),
    ],
)
def test_a_planted_bug_is_found(
    faulty: httpx.Client, bug: str, asked: tuple[str, str], body: Any, problem: str | None
) -> None:
    faulty.request(*asked, json=body)
    assert judging.found() == []
    faulty.request(*asked, json=body, headers={PLANTED: bug})
    told = judging.found()
    assert bool(told) == (problem is not None)
    assert any(str(problem) in each for each in told) or problem is None, told
    assert all(each.startswith(f"{asked[0]} {asked[1]} got ") for each in told)


def test_what_the_document_does_not_have_is_let_through(faulty: httpx.Client) -> None:
    for method, path in (("GET", "/docs"), ("GET", "/nothing"), ("PUT", "/runs"), ("OPTIONS", "/runs")):
        faulty.request(method, path, headers={PLANTED: "error_without_detail"})
    assert judging.found() == []


WRONG = """
import httpx, pytest
from unittest.mock import patch
from tests.contract.planted import Faulty
from tests.live import serving
from treadle.edge import application

def test_it():
    with patch("tests.live.application", lambda running: Faulty(application(running), {bugs})), serving() as live:
        assert httpx.post(live.url + "/threads", json={{}}, timeout={deadline}).json()["thread_id"]
"""


@pytest.mark.parametrize(("bugs", "failed"), [([], 0), (["thread_created"], 1)])
def test_the_test_that_got_a_wrong_answer_fails(tmp_path: Path, bugs: list[str], failed: int) -> None:
    module = tmp_path / "test_wrong.py"
    module.write_text(WRONG.format(bugs=bugs, deadline=DEADLINE), "utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider"]
    command += ["-c", str(ROOT / "pyproject.toml"), "--rootdir", str(tmp_path), str(module)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=DEADLINE)
    assert run.returncode == failed, run.stdout
    assert ("POST /threads got 201: the status is not declared" in run.stdout) == failed
