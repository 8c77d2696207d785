"""Makes LangGraph's tables. Its own way is for one process that is not killed: it has no lock and no transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import psycopg

from treadle.graphs.postgres.connections import created, errors, parameters, settings
from treadle.storage.contract.store import DatabaseSchema

Connection = psycopg.Connection[Any]
Migrations = Mapping[str, Sequence[str]]
"""Statements in their order, by the table that says how many of them were carried out."""
# An index of a large table takes long. Who comes meanwhile does not wait for it: a request asks for the tables.
_PATIENCE = "SELECT set_config('statement_timeout', '600s', true), set_config('lock_timeout', %s, true)"
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))"


def make_tables(
    place: DatabaseSchema, *steps: Callable[[Connection], Migrations], of_checkpoints: bool = False
) -> None:
    """Make or upgrade the tables in one transaction. A step may do more than to name its migrations.

    Raises StorageUnavailable; CheckpointsUnavailable if that may pass, `of_checkpoints`.
    """
    connected = partial(psycopg.Connection[Any].connect, **parameters(place))
    with errors(of_checkpoints=of_checkpoints), connected() as connection, connection.transaction():
        connection.execute(*settings(place))
        connection.execute(_PATIENCE, (f"{place.timeout * 1000:.0f}ms",))
        connection.execute(_LOCK, (f"treadle:{place.name}",))
        created(connection, place.name)
        for step in steps:
            _migrate(connection, step(connection))


def _migrate(connection: Connection, migrations: Migrations) -> None:
    for table, statements in migrations.items():
        if connection.execute("SELECT to_regclass(%s) AS found", (table,)).fetchone() == {"found": None}:
            connection.execute(f"CREATE TABLE {table} (v INTEGER PRIMARY KEY)")
        done = {row["v"] for row in connection.execute(f"SELECT v FROM {table}")}
        for version, statement in enumerate(statements):
            if version > max(done, default=-1):
                # What is made concurrently cannot be undone, and an index that is half made looks like one.
                connection.execute(statement.replace(" CONCURRENTLY", ""))
                connection.execute(f"INSERT INTO {table} (v) VALUES (%s)", (version,))
