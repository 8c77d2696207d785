"""Addresses that are wrong, and databases that are set up as few are: one clear line, or a server that works."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg
import pytest

from tests.cli.processes import check_refusal, treadle
from tests.databases import POSTGRES, needs_postgres
from tests.durability.clients import client, create, ended
from tests.durability.place import Place, a_place, servers
from tests.live import GRAPHS, until

pytestmark = needs_postgres
HERE = (POSTGRES or "").partition("://")[2]
ADDRESS = HERE.rpartition("@")[2]
SECRET = "cret"


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """A folder for the servers of one test, with a schema in which there is nothing yet."""
    with a_place(tmp_path, "postgresql") as place:
        yield place


@pytest.mark.parametrize(
    ("variables", "said"),
    [
        ({"DATABASE_URI": f"postgresql://postgres:se%zz{SECRET}@{ADDRESS}"}, "psycopg, which threads and items use"),
        ({"DATABASE_URI": f"postgresql://postgres:se/{SECRET}@{ADDRESS}"}, "the address cannot be read"),
        ({"DATABASE_URI": f"postgresql://postgres:se?{SECRET}@{ADDRESS}"}, "the address cannot be read"),
        ({"DATABASE_URI": f"postgresql+asyncpg://u:se/{SECRET}@h/db"}, "no such kind of store"),
        ({"DATABASE_URI": f"postgresql://{HERE}?timezone=Asia/Tokyo"}, "psycopg, which threads and items use"),
        ({"DATABASE_DIRECT_URI": f"mysql://postgres:{SECRET}@127.0.0.1/test"}, "DATABASE_DIRECT_URI: "),
        ({"DATABASE_DIRECT_URI": "postgresql://nobody@127.0.0.1:9/none"}, "DATABASE_DIRECT_URI: "),
        ({"DATABASE_DIRECT_URI": f"postgresql://{HERE.rpartition('/')[0]}/template1"}, "has no tables in the schema"),
    ],
)
def test_an_address_is_refused_in_a_line_that_quotes_no_password(
    place: Place, variables: dict[str, str], said: str
) -> None:
    refusal = treadle("serve", GRAPHS, "--port", "0", env=place.settings(**variables))
    last = refusal.stderr.splitlines()[-1]  # before it, the log may say that notifications do not come
    check_refusal(replace(refusal, stderr=last), "DATABASE_", said)
    assert SECRET not in refusal.stderr


def test_a_database_of_another_encoding_is_refused(place: Place) -> None:
    name = place.settings()["DATABASE_SCHEMA"]
    with psycopg.connect(POSTGRES or "", autocommit=True) as owner:
        owner.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LOCALE 'C'")
        try:
            uri = f"postgresql://{HERE.rpartition('/')[0]}/{name}"
            refusal = treadle("serve", GRAPHS, "--port", "0", env=place.settings(DATABASE_URI=uri))
        finally:
            owner.execute(f"DROP DATABASE {name} WITH (FORCE)")
    check_refusal(refusal, "the encoding of the database is SQL_ASCII; make one with UTF8")


@pytest.mark.parametrize("name", ["user", "select", "information_schema", "pg_treadle"])
def test_a_name_that_a_schema_cannot_have_is_refused(place: Place, name: str) -> None:
    refusal = treadle("serve", GRAPHS, "--port", "0", env=place.settings(DATABASE_SCHEMA=name))
    check_refusal(refusal, f"DATABASE_SCHEMA={name}: the name means something else in SQL")


@pytest.mark.parametrize("variables", [{"DATABASE_URI": f"{POSTGRES}\n"}, {"DATABASE_TIMEOUT_SECONDS": "2000000"}])
def test_a_line_feed_and_a_long_patience_do_no_harm(place: Place, variables: dict[str, Any]) -> None:
    with servers(place, "all", **variables) as (server,), client(server) as http:
        assert http.put("/store/items", json={"namespace": ["n"], "key": "k", "value": {}}).status_code == 204


def test_runs_end_once_though_the_role_asks_for_serializable_transactions(place: Place) -> None:
    uri = f"{POSTGRES}?options={quote('-cdefault_transaction_isolation=serializable')}"
    with servers(place, "all", "all", DATABASE_URI=uri) as (one, other), client(one) as here, client(other) as there:
        runs = [create(http, place.tale(steps=1)) for http in (here, there) * 30]
        for run_id in runs:
            run = ended(there, run_id)
            assert (run["status"], run["attempts"]) == ("success", 1)
    assert sorted(note.run_id for note in place.notes(what="ended")) == sorted(runs)


def test_a_schema_that_is_dropped_is_a_store_that_is_not_available(place: Place) -> None:
    with servers(place, "all") as (server,), client(server) as http:
        run_id = create(http, place.tale(after_seconds=60))
        place.script(f"DROP SCHEMA {place.settings()['DATABASE_SCHEMA']} CASCADE")
        until(lambda: http.get("/ok?check_db=1").status_code == 503)
        for reply in (http.get(f"/runs/{run_id}"), http.post("/runs", json=place.tale())):
            assert (reply.status_code, list(reply.json())) == (503, ["detail"])
        assert http.get("/ok").status_code == 200
        assert not [line for line in server.lines() if "Traceback" in str(line.get("exception"))]


def test_a_text_that_no_row_can_hold_is_refused(place: Place) -> None:
    with servers(place, "all") as (server,), client(server) as http:
        made = {"graph_id": "telling", "description": "a\0b"}
        assert http.post("/assistants", json=made).status_code == 422
        key = {"namespace": ["n"], "value": {}, "key": "".join(chr(0x4E00 + number) for number in range(6000))}
        assert http.put("/store/items", json=key).status_code == 422


def test_requests_do_not_wait_for_a_process_that_changes_the_tables(place: Place) -> None:
    item = {"namespace": ["n"], "key": "k", "value": {}}
    with servers(place, "all", DATABASE_TIMEOUT_SECONDS="1") as (server,), client(server) as http:
        lock = f"SELECT pg_advisory_lock(hashtextextended('treadle:{place.settings()['DATABASE_SCHEMA']}', 0))"
        with psycopg.connect(POSTGRES or "", autocommit=True) as other:
            other.execute(lock.encode())
            began = time.monotonic()
            assert http.put("/store/items", json=item).status_code == 503
            assert time.monotonic() - began < 5
        until(lambda: http.put("/store/items", json=item).status_code == 204)
