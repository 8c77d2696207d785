"""The limits on a run's attempts and on its time."""

from __future__ import annotations

import time
from typing import Any

import pytest

from tests.durability.clients import client, create, ended, ids, joining, numbered
from tests.durability.place import Place
from tests.live import DEADLINE

ATTEMPTS = 2
LEASE = "3"


def test_a_run_that_kills_its_process_ends_with_error_when_its_attempts_are_used_up(place: Place) -> None:
    fields: dict[str, Any] = {"assistant_id": "deadly", "stream_resumable": True, "on_completion": "keep"}
    with place.serve(BG_JOB_MAX_RETRIES=str(ATTEMPTS), LEASE_SECONDS=LEASE) as server, client(server) as http:
        run_id = create(http, place.tale(after_seconds=1, **fields))
        assert server.process.wait(DEADLINE) == -9
    for _ in range(ATTEMPTS - 1):
        # The server may be gone before it announces its URL.
        with (
            pytest.raises(AssertionError),
            place.serve(BG_JOB_MAX_RETRIES=str(ATTEMPTS), LEASE_SECONDS=LEASE) as server,
        ):
            raise AssertionError(server.process.wait(DEADLINE))
    with place.serve(BG_JOB_MAX_RETRIES=str(ATTEMPTS), LEASE_SECONDS=LEASE) as server, client(server) as http:
        run = ended(http, run_id)
        assert len(place.notes(run_id, "started")) == ATTEMPTS
        assert run["status"] == "error"
        assert run["error"]["error"] == "AttemptsExhausted"
        assert http.get(f"/runs/{run_id}/join").json() == {"__error__": run["error"]}
        with joining(http, run_id, "-1") as stream:
            events = stream.rest()
        assert (events[-1][0], events[-1][1]) == ("error", run["error"])
        assert ids(events) == numbered(len(events))
        assert http.get(f"/threads/{run['thread_id']}").json()["status"] == "error"
        # The server is as good as new.
        assert ended(http, create(http, place.tale()))["status"] == "success"


def test_a_run_that_takes_too_long_ends_with_timeout(place: Place) -> None:
    with place.serve(BG_JOB_TIMEOUT_SECS="2") as server, client(server) as http:
        start = time.monotonic()
        run = ended(http, create(http, place.tale(steps=1, pause=3600)))
        assert time.monotonic() - start >= 2
    assert (run["status"], run["attempts"]) == ("timeout", 1)
    assert place.notes(run["run_id"], "cancelled")
