"""A worker whose clock is an hour ahead: runs begin when the clock of the database says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.chaos.commands import started_by
from tests.durability.clients import client, create, ended
from tests.durability.place import Place, servers, spread

FAKETIME = next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)
needs_faketime = pytest.mark.skipif(FAKETIME is None, reason="libfaketime is not installed (Debian: faketime)")
RUNS = 20
HOUR = 3600


@needs_faketime
@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
def test_delayed_runs_begin_when_they_are_due(place: Place, ahead: int) -> None:
    fake = {"LD_PRELOAD": str(FAKETIME), "FAKETIME": f"{ahead:+}", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    before = [shutil.which("env") or "env", *(f"{name}={value}" for name, value in fake.items())]
    with (
        servers(place, "api") as (api,),
        started_by(before, place, "worker", ROLE="worker", LEASE_SECONDS="30") as worker,
        client(api) as http,
    ):
        place.script(place.store.audit)
        runs = [create(http, place.tale(after_seconds=2)) for _ in range(RUNS)]
        for run_id in runs:
            assert (ended(http, run_id)["status"], ended(http, run_id)["attempts"]) == ("success", 1)
        [note, *_] = place.notes(what="started")
        assert note.pid == worker.process.pid
        late = [at - due for at, due in place.rows("SELECT at, due FROM audit_starts JOIN runs USING (run_id)")]
        assert abs(note.at - place.rows("SELECT due FROM runs LIMIT 1")[0][0] - ahead) < 60  # its own clock is wrong
    median, _, longest = (1000 * each for each in spread(late))
    print(f"worker's clock {ahead:+} s: {RUNS} delayed runs begin {median:.1f} ms late, at most {longest:.1f} ms")
    # On an idle machine a second is much; a clock that was believed would show as an hour.
    assert min(late) > -1
    assert max(late) < HOUR / 2
