"""A worker that is cut off from the database: another one begins its run, and never while it still runs here."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.chaos.commands import started_by
from tests.chaos.network import HERE, NETWORK, Cut, Network, a_network
from tests.database_server import a_database_server, installed
from tests.durability.audit import Audit
from tests.durability.clients import client, create, ended
from tests.durability.place import Note, Place, servers
from tests.durability.stores import Schema
from tests.live import until

pytestmark = pytest.mark.skipif(not installed(), reason="PostgreSQL: nothing to start a server with")
LEASE = 5
AWAY = 18
"""Seconds for which the network is cut; the run takes 14."""


@pytest.fixture
def network() -> Iterator[Network]:
    """A network of the test's own."""
    try:
        made = a_network()
        network = made.__enter__()
    except OSError as error:
        pytest.skip(f"no network namespaces: {error}")
    try:
        yield network
    finally:
        made.__exit__(None, None, None)


def begun_by(place: Place, pid: int, run_id: str | None = None, after: float = 0.0) -> list[Note]:
    """What a process has begun since some time."""
    return [note for note in place.notes(run_id, "started") if note.pid == pid and note.at > after]


def claimed_again(http: httpx.Client, place: Place, pid: int, after: float) -> float:
    """Make runs until a process begins one; when that was."""

    def look() -> list[Note]:
        create(http, place.tale())
        return begun_by(place, pid, after=after)

    return until(look)[0].at


@pytest.mark.parametrize("how", ["link down", "half-open"])
@pytest.mark.parametrize("on_completion", ["delete", "keep"])
def test_a_worker_that_is_cut_off(network: Network, tmp_path: Path, how: Cut, on_completion: str) -> None:
    variables: dict[str, Any] = {"LEASE_SECONDS": str(LEASE), "N_JOBS_PER_WORKER": "2"}
    with a_database_server(HERE, NETWORK) as database:
        place = Place(tmp_path, Schema("treadle", database.uri))
        with (
            servers(place, "api", **variables) as (api,),
            started_by(network.inside, place, "far", ROLE="worker", **variables) as far,
            client(api) as http,
        ):
            place.script(place.store.audit)
            run_id = create(http, place.tale(steps=140, pause=0.1, on_completion=on_completion))
            [first] = until(lambda: place.notes(run_id, "started"))
            assert first.pid == far.process.pid
            with place.serve(ROLE="worker", **variables) as near:
                cut = time.time()
                network.cut(how)
                [second] = until(lambda: begun_by(place, near.process.pid, run_id))
                [stopped] = place.notes(run_id, "cancelled")
                until(lambda: time.time() > cut + AWAY)
                network.mend(how)
                mended = time.time()
                again = claimed_again(http, place, far.process.pid, mended)
                run = ended(http, run_id)
                audit = Audit.read(place)
    print(
        f"{how} for {AWAY} s, lease {LEASE} s, on_completion={on_completion}: its body is cancelled "
        f"{stopped.at - cut:.2f} s after the cut, and begun again elsewhere after {second.at - cut:.2f} s; "
        f"it claims again {again - mended:.2f} s after the link's return"
    )
    assert stopped.at < second.at < cut + 8
    assert (run["status"], run["attempts"]) == ("success", 2)
    assert audit.ends[run_id] == [("success", 2)]
    assert again < mended + 10
