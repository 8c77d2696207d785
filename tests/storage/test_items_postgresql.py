"""Items in a PostgreSQL database: what it cannot hold, lost connections, and a server that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, cast

import psycopg
import pytest
from langgraph.store.base import SearchOp
from psycopg.sql import SQL, Identifier

from tests.databases import POSTGRES, a_schema, needs_postgres
from treadle.errors import StorageUnavailable
from treadle.graphs.item_index import KnownVectors
from treadle.graphs.items import open_items
from treadle.graphs.postgres.items import PostgresItems, _Store
from treadle.storage.contract.store import DatabaseSchema

pytestmark = needs_postgres


@pytest.fixture
def place() -> Iterator[DatabaseSchema]:
    with a_schema() as name:
        yield DatabaseSchema(POSTGRES or "", name, 3, 30)


@pytest.fixture
def items(place: DatabaseSchema) -> Iterator[PostgresItems]:
    opened = open_items(place)
    assert isinstance(opened, PostgresItems)
    yield opened
    opened.close()


def test_a_character_that_the_database_cannot_hold_is_an_error_of_the_value(items: PostgresItems) -> None:
    for use in (
        lambda: items.put(("a",), "k", {"t": "x\0y"}),
        lambda: items.put(("a",), "k\0", {}),
        lambda: items.get(("a",), "k\0"),
        lambda: items.search(("a",), filter={"t": "\0"}),
    ):
        with pytest.raises(ValueError, match="PostgreSQL cannot hold this: a text with the character U\\+0000"):
            use()
    assert items.search(()) == []


def test_connections_that_were_lost_are_made_anew(items: PostgresItems, place: DatabaseSchema) -> None:
    def put(number: int) -> None:
        items.put(("a",), str(number), {"n": number})

    with ThreadPoolExecutor(6) as threads:
        list(threads.map(put, range(30)))
        pool = items._pool()
        assert 1 <= pool.get_stats()["pool_size"] <= place.connections
        with psycopg.connect(place.uri) as connection:
            for held in list(pool._pool):
                connection.execute("SELECT pg_terminate_backend(%s)", (held.info.backend_pid,))
        list(threads.map(put, range(30, 60)))
    assert len(items.search(("a",), limit=100)) == 60


def test_a_server_that_is_not_there_is_unavailable_and_may_be_there_later(place: DatabaseSchema) -> None:
    items = PostgresItems(DatabaseSchema("postgresql://nobody@127.0.0.1:9/none", place.name, 2, 30))
    items.sweep()
    with pytest.raises(StorageUnavailable):
        items.get(("a",), "k")
    items._place = place
    assert items.get(("a",), "k") is None
    items.close()


def test_a_statement_that_takes_too_long_is_given_up(place: DatabaseSchema) -> None:
    items = PostgresItems(replace(place, timeout=1))
    assert items.get(("a",), "k") is None
    with psycopg.connect(place.uri) as other:
        other.execute(SQL("LOCK TABLE {}").format(Identifier(place.name, "store")))
        with pytest.raises(StorageUnavailable, match="statement timeout"):
            items.put(("a",), "k", {})
    assert items.get(("a",), "k") is None
    items.close()


def test_langgraphs_search_by_meaning_is_written_as_expected() -> None:
    """Scores of vectors without direction are taken out of its SQL: where there is no such server, at least this."""
    index: Any = {"dims": 3, "embed": KnownVectors({}), "fields": ["$"]}
    store = _Store(cast(Any, None), index=index)
    ((query, _),), _ = store._prepare_batch_search_queries([(0, SearchOp(("a",), query="sea"))])
    assert "nullif(1 - uniq.neg_score, 'NaN') AS score" in query
    assert "ORDER BY score DESC NULLS LAST" in query


def test_a_role_that_may_create_nothing_uses_what_is_there(place: DatabaseSchema) -> None:
    open_items(place).close()
    first = open_items(place)
    first.put(("a",), "k", {"n": 1})
    first.close()
    role = place.name
    with psycopg.connect(place.uri, autocommit=True) as admin:
        admin.execute(SQL("CREATE ROLE {}").format(Identifier(role)))
        try:
            admin.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}").format(Identifier(place.name), Identifier(role)))
            tables = SQL("GRANT ALL ON ALL TABLES IN SCHEMA {} TO {}")
            admin.execute(tables.format(Identifier(place.name), Identifier(role)))
            limited = PostgresItems(DatabaseSchema(f"{place.uri}?options=-c%20role%3D{role}", place.name, 2, 30))
            item = limited.get(("a",), "k")
            assert item is not None and item.value == {"n": 1}
            limited.close()
        finally:
            admin.execute(SQL("DROP OWNED BY {}").format(Identifier(role)))
            admin.execute(SQL("DROP ROLE {}").format(Identifier(role)))
