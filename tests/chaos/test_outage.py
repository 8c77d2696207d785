"""The database is away for longer than a lease lasts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.database_server import a_database_server, installed
from tests.durability.clients import client, get
from tests.durability.outages import outage
from tests.durability.place import Place, servers
from tests.durability.stores import Schema

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(not installed(), reason="PostgreSQL: nothing to start a server with"),
]


@pytest.mark.parametrize("down", [1.0, 30.0])
async def test_nothing_accepted_is_lost(tmp_path: Path, down: float) -> None:
    with a_database_server() as database:
        place = Place(tmp_path, Schema("treadle", database.uri))
        with servers(place, "api", "worker", "worker", LEASE_SECONDS="5") as processes:
            seen = await outage(place, database, processes[0], down)
            print(seen.line(down))
            assert [each.process.poll() for each in processes] == [None] * 3
            assert set(seen.statuses) == {200, 503}
            assert seen.begins_again < 5
            with client(processes[0]) as http:
                assert {get(http, run_id)["status"] for run_id in seen.accepted} == {"success"}
