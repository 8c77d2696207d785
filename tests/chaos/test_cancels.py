"""How soon a node learns of a cancel that another process was asked for."""

from __future__ import annotations

import time

from tests.durability.clients import client, create, ended
from tests.durability.place import Place, servers, spread
from tests.live import until

CANCELS = 200


def noted(place: Place, run_id: str, what: str) -> float:
    """When the run's node noted this; waits for it."""
    return until(lambda: place.notes(run_id, what))[0].at


def test_cancels_reach_the_nodes_of_another_process(place: Place) -> None:
    with servers(place, "api", "worker") as (api, _), client(api) as http:
        took: list[float] = []
        for _ in range(CANCELS):
            run_id = create(http, place.tale(steps=1, pause=60))
            noted(place, run_id, "started")
            asked = time.time()
            assert http.post(f"/runs/{run_id}/cancel").status_code == 202
            took.append(noted(place, run_id, "cancelled") - asked)
            assert ended(http, run_id)["status"] == "interrupted"
    median, late, longest = (1000 * each for each in spread(took))
    print(
        f"{CANCELS} cancels from another process: median {median:.1f} ms, p99 {late:.1f} ms, longest {longest:.1f} ms"
    )
