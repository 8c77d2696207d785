"""Ten thousand runs: in one batch, and waiting at once."""

from __future__ import annotations

import httpx
import pytest

from tests.live import DEADLINE, serving, until
from tests.web.calls import accepted, create, detail


@pytest.mark.shows("create_run_batch", "422")
def test_a_batch_has_at_most_so_many_runs(http: httpx.Client) -> None:
    """10,000 are accepted at once; 100,000 of them are refused in one answer."""
    run = b'{"assistant_id":"simple","after_seconds":3600}'
    for number, status in ((10_000, 200), (10_001, 422), (100_000, 422)):
        response = http.post("/runs/batch", content=b"[" + b",".join([run] * number) + b"]", timeout=DEADLINE)
        assert response.status_code == status
    assert "10000" in response.json()["detail"]
    assert len(response.json()["detail"]) < 10_000
    assert http.post("/runs/cancel", json={"status": "pending"}).status_code == 204


def test_ten_thousand_runs_wait_and_the_server_goes_on() -> None:
    with serving(concurrency=1, max_queued=10_000) as live, live.client() as http:
        first = create(http, "slow", {"seconds": 60})["run_id"]
        batch = [{"assistant_id": "simple", "input": {"foo": 1}}] * 1000
        statuses = [http.post("/runs/batch", json=batch).status_code for _ in range(11)]
        assert statuses == [200] * 10 + [503]
        assert http.post("/runs/wait", json=batch[0]).status_code == 503
        accepted(http.get("/ok"))
        assert detail(http, first)["status"] == "running"
        assert http.post("/runs/cancel", json={"status": "pending"}).status_code == 204
        until(lambda: http.post("/runs", json=batch[0]).status_code == 200)
