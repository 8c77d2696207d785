"""`--root-path` and its variable, in processes."""

from __future__ import annotations

import httpx
import pytest

from tests.cli.processes import check_refusal, serve, treadle
from tests.live import DEADLINE, GRAPHS

RUN = {"assistant_id": "simple", "input": {"foo": 1}}


@pytest.mark.parametrize("arguments", [("--root-path", "/agents"), ("--root-path", "/agents/", "--workers", "2")])
def test_the_flag_beats_the_variable_in_every_process(arguments: tuple[str, ...]) -> None:
    with serve("--port", "0", *arguments, TREADLE_ROOT_PATH="/other") as process:
        for _ in range(10):
            response = httpx.post(f"{process.url}/runs/wait", json=RUN, timeout=DEADLINE)
            assert response.headers["location"].startswith("/agents/threads/")


def test_the_variables_say_which_path_and_whom_to_believe() -> None:
    headers = {"x-forwarded-prefix": "/agents"}
    with serve("--port", "0", FORWARDED_ALLOW_IPS="10.0.0.1") as process:
        response = httpx.post(f"{process.url}/runs/wait", json=RUN, headers=headers, timeout=DEADLINE)
        assert response.headers["location"].startswith("/threads/")
    with serve("--port", "0", TREADLE_ROOT_PATH="/agents", DATABASE_URI="memory://") as process:
        response = httpx.post(f"{process.url}/runs/wait", json=RUN, timeout=DEADLINE)
        assert response.headers["location"].startswith("/agents/threads/")
        assert [line for line in process.lines() if line["level"] == "warning"] == []


@pytest.mark.parametrize("value", ["agents", "/runs", "//example.com"])
def test_what_is_no_path_is_refused_at_the_start(value: str) -> None:
    refused = treadle("serve", GRAPHS, "--port", "0", "--root-path", value, env={"DATABASE_URI": "memory://"})
    check_refusal(refused, f"TREADLE_ROOT_PATH={value!r}", "such as /agents")
