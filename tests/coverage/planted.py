"""A true mark and an untrue one, for the test of the witness. pytest finds this file only if it is named."""

from __future__ import annotations

import httpx
import pytest

BODY = {"assistant_id": "simple", "input": {"foo": 1}, "metadata": {"mine": 1}, "on_completion": "keep"}


@pytest.mark.shows("wait_run", "metadata on_completion=keep 200")
def test_that_tells_the_truth(http: httpx.Client) -> None:
    assert http.post("/runs/wait", json=BODY).status_code == 200


@pytest.mark.shows("wait_run stream_run", "metadata")
@pytest.mark.shows("wait_run", "context on_completion=delete 404")
def test_that_does_not(http: httpx.Client) -> None:
    assert http.post("/runs/wait", json=BODY).status_code == 200
