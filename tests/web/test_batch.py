"""POST /runs/batch: many runs, all or none."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.live import serving
from tests.web.calls import ended

GOOD = {"assistant_id": "simple", "input": {"foo": 1}}


@pytest.mark.shows("create_run_batch", "input 200")
def test_the_runs_come_back_in_the_order_of_the_request(http: httpx.Client) -> None:
    items = [{**GOOD, "input": {"foo": number}} for number in range(5)]
    response = http.post("/runs/batch", json=items)
    assert response.status_code == 200
    runs = response.json()
    assert [run["kwargs"]["input"]["foo"] for run in runs] == [0, 1, 2, 3, 4]
    assert {run["status"] for run in runs} == {"pending"}
    assert "location" not in response.headers and "content-location" not in response.headers
    assert [ended(http, run["run_id"])["values"]["foo"] for run in runs] == [0, 1, 2, 3, 4]


@pytest.mark.shows("create_run_batch", "400 404 422")
@pytest.mark.parametrize(
    ("bad", "status", "named"),
    [
        ({"assistant_id": "nobody"}, 422, "[1].assistant_id"),
        ({"assistant_id": "6ba7b821-9dad-11d1-80b4-00c04fd430c8"}, 404, "[1].assistant_id"),
        ({**GOOD, "after_seconds": 1e300}, 422, "[1].after_seconds"),
        ({**GOOD, "after_seconds": "soon"}, 422, 'instance[1]["after_seconds"]'),
        ({**GOOD, "webhook": "http://127.0.0.1"}, 422, "[1].webhook"),
        ({**GOOD, "command": {"resume": 1}}, 400, "[1].command.resume"),
    ],
)
def test_one_bad_item_refuses_the_whole_and_creates_nothing(
    http: httpx.Client, bad: Any, status: int, named: str
) -> None:
    marked = {**GOOD, "config": {"configurable": {"thread_id": "x"}}, "after_seconds": 30, "metadata": {"mark": named}}
    response = http.post("/runs/batch", json=[marked, bad])
    assert (response.status_code, named in response.json()["detail"]) == (status, True), response.text
    # The good item waits for half a minute if it was made: cancelling every pending run then finds it.
    assert http.post("/runs/cancel", json={"status": "pending"}).status_code == 204


def test_an_empty_batch_is_refused(http: httpx.Client) -> None:
    response = http.post("/runs/batch", json=[])
    assert response.status_code == 422
    assert response.json()["detail"].startswith("[] has less than 1 item")


def test_unknown_fields_of_any_item_are_named_once(http: httpx.Client) -> None:
    items = [{**GOOD, "foo": 1}, {**GOOD, "onCompletion": "keep", "foo": 2}]
    assert http.post("/runs/batch", json=items).headers["treadle-ignored"] == "foo, onCompletion"


def test_each_run_of_a_batch_is_counted_with_its_share() -> None:
    """If each run counted the whole body, the first runs would be removed to make room for the last."""
    runs = [{"assistant_id": "simple", "input": {"foo": 1}, "metadata": {"large": "x" * 20_000}}] * 100
    with serving(run_retention_bytes=10_000_000) as live, live.client() as http:
        made = http.post("/runs/batch", json=runs).json()
        assert {ended(http, run["run_id"])["status"] for run in made} == {"success"}
