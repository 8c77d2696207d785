"""`after_seconds`: when a run starts."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
import pytest

from tests.web.calls import create, detail, ended


def configurable_of(run: Any) -> Any:
    return run["kwargs"]["config"]["configurable"]


def test_a_delayed_run_is_pending_with_its_time_in_the_future(http: httpx.Client) -> None:
    run = create(http, "simple", {"foo": 1}, after_seconds=3600)
    received = configurable_of(run)["__request_start_time_ms__"] / 1000
    assert datetime.fromisoformat(run["created_at"]).timestamp() - received == pytest.approx(3600, abs=0.01)
    assert configurable_of(run)["__after_seconds__"] == 3600
    assert detail(http, run["run_id"])["status"] == "pending"


@pytest.mark.parametrize("delay", [0, -1, -1e308, 0.001])
def test_a_run_without_real_delay_starts_now(http: httpx.Client, delay: float) -> None:
    run = create(http, "simple", {"foo": 1}, after_seconds=delay)
    received = configurable_of(run)["__request_start_time_ms__"] / 1000
    assert datetime.fromisoformat(run["created_at"]).timestamp() == pytest.approx(received, abs=0.01)
    assert configurable_of(run)["__after_seconds__"] == delay
    assert ended(http, run["run_id"])["status"] == "success"


@pytest.mark.shows("create_run", "after_seconds")
def test_a_delayed_run_starts_when_it_is_due_and_not_before(http: httpx.Client) -> None:
    runs = [create(http, "simple", {"foo": 1}, after_seconds=delay) for delay in (0.4, 0.2, 0.3)]
    for run in runs:
        done = ended(http, run["run_id"])
        late = datetime.fromisoformat(done["started_at"]) - datetime.fromisoformat(run["created_at"])
        assert late.total_seconds() >= 0
        assert done["queued_ms"] == pytest.approx(late.total_seconds() * 1000, abs=1)


@pytest.mark.parametrize(
    "delay", ["250000000001", "1e12", "1e308", str(10**30), str(10**400)], ids=lambda text: text[:12]
)
def test_a_delay_beyond_the_calendar_is_refused_by_name(http: httpx.Client, delay: str) -> None:
    response = http.post("/runs", content=f'{{"assistant_id":"simple","after_seconds":{delay}}}')
    assert response.status_code == 422
    assert "after_seconds" in response.json()["detail"]


def test_the_longest_delay_that_the_document_allows_is_accepted(http: httpx.Client) -> None:
    created = http.post("/runs", json={"assistant_id": "simple", "after_seconds": 250_000_000_000})
    assert (created.status_code, created.json()["status"]) == (200, "pending")
    assert http.delete(f"/runs/{created.json()['run_id']}").status_code == 204
