"""How soon a node learns of a cancel that another process was asked for."""

from __future__ import annotations

import time
from urllib.parse import quote

import httpx

from tests.durability.clients import client, create, ended
from tests.durability.place import Place, servers, spread
from tests.live import until

CANCELS = 200
UNTOLD = 10
"""Cancels of which the worker is not told."""
LEASE = 6.0
"""Seconds of a lease where it is not told: it looks by itself every third of them."""


def cancels(place: Place, http: httpx.Client, number: int) -> list[float]:
    """Seconds from a cancel until its node has noted it, of so many runs."""

    def noted(run_id: str, what: str) -> float:
        return until(lambda: place.notes(run_id, what), within=2 * LEASE)[0].at

    took: list[float] = []
    for _ in range(number):
        run_id = create(http, place.tale(steps=1, pause=60))
        noted(run_id, "started")
        asked = time.time()
        assert http.post(f"/runs/{run_id}/cancel").status_code == 202
        took.append(noted(run_id, "cancelled") - asked)
        assert ended(http, run_id)["status"] == "interrupted"
    return took


def said(took: list[float]) -> str:
    """The figures, for the terminal."""
    median, late, longest = (1000 * each for each in spread(took))
    return f"{len(took)} cancels: median {median:.1f} ms, p99 {late:.1f} ms, longest {longest:.1f} ms"


def test_cancels_reach_the_nodes_of_another_process(place: Place) -> None:
    with servers(place, "api", "worker") as (api, _), client(api) as http:
        print(said(cancels(place, http, CANCELS)), "from another process")


def test_cancels_that_nobody_is_told_of_are_found_within_a_third_of_a_lease(place: Place) -> None:
    """The process that is asked has a `pg_notify` of its own, which does nothing."""
    schema = place.settings()["DATABASE_SCHEMA"]
    place.script(
        f"CREATE SCHEMA {schema}; CREATE FUNCTION {schema}.pg_notify(text, text) RETURNS void LANGUAGE sql AS 'SELECT'"
    )
    uri = place.settings()["DATABASE_URI"]
    deaf = f"{uri}?options={quote(f'-csearch_path={schema},pg_catalog')}"
    lease = str(LEASE)
    with (
        place.serve(ROLE="worker", LEASE_SECONDS=lease),
        place.serve(ROLE="api", LEASE_SECONDS=lease, DATABASE_URI=deaf) as api,
        client(api) as http,
    ):
        took = cancels(place, http, UNTOLD)
    print(said(took), f"of which nobody was told, lease of {LEASE:g} s")
    assert max(took) < LEASE / 3 + 0.5
