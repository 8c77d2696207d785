"""`THREAD_TTL_MINUTES`: the lifetime of kept threads that have none of their own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.live import LiveServer, serving, until
from tests.web.calls import accepted, create, ended
from tests.web.keeping import new_thread, stored, thread, thread_path

Json = dict[str, Any]
SHORT = 0.01
"""Minutes."""


@pytest.fixture(scope="module")
def passing() -> Iterator[LiveServer]:
    with serving(thread_ttl=SHORT) as live:
        yield live


@pytest.fixture
def http(passing: LiveServer) -> Iterator[httpx.Client]:
    with passing.client() as client:
        yield client


def until_gone(http: httpx.Client, of: Json) -> None:
    until(lambda: http.get(thread_path(of)).status_code == 404)


def test_the_thread_of_a_kept_run_goes_with_its_run_and_checkpoints(passing: LiveServer, http: httpx.Client) -> None:
    run = create(http, "simple", {"foo": 1}, on_completion="keep")
    ended(http, run["run_id"])
    found = accepted(http.get(thread_path(run), params={"include": "ttl"})).json()
    assert found["ttl"]["ttl_minutes"] == SHORT
    until_gone(http, run)
    until(lambda: not stored(passing, run))
    assert http.get(f"/runs/{run['run_id']}").status_code == 404


def test_a_thread_stays_as_long_as_its_run_takes(http: httpx.Client) -> None:
    run = create(http, "slow", {"seconds": 1.5}, on_completion="keep")
    ended(http, run["run_id"])
    assert thread(http, run)["status"] == "idle"
    until_gone(http, run)


def test_a_new_thread_stays_as_long_as_it_says_or_else_as_long_as_all_do(http: httpx.Client) -> None:
    lasting, short = new_thread(http, ttl={"ttl": 1}), new_thread(http)
    until_gone(http, short)
    assert thread(http, lasting)
