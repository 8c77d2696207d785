"""How soon a run begins at a worker, after another process was asked for it."""

from __future__ import annotations

import time

from tests.durability.clients import client, create, ended
from tests.durability.place import Place, servers, spread

RUNS = 500
PAUSE = 0.02
"""Seconds from one request to the next one."""


def test_runs_begin_at_once(place: Place) -> None:
    asked: dict[str, float] = {}
    answered: dict[str, float] = {}
    with servers(place, "api", "worker") as (api, _), client(api) as http:
        for _ in range(RUNS):
            at = time.time()
            run_id = create(http, place.tale())
            asked[run_id], answered[run_id] = at, time.time()
            time.sleep(max(0.0, at + PAUSE - time.time()))
        for run_id in asked:
            assert ended(http, run_id)["status"] == "success"
    begun = {note.run_id: note.at for note in place.notes(what="started")}
    assert len(place.notes(what="started")) == RUNS
    for since, times in (("request", asked), ("answer", answered)):
        median, late, longest = (1000 * each for each in spread(begun[run_id] - at for run_id, at in times.items()))
        print(
            f"{RUNS} runs, one every {PAUSE * 1000:g} ms: from the {since} to the node at the worker, median "
            f"{median:.1f} ms, p99 {late:.1f} ms, longest {longest:.1f} ms"
        )
