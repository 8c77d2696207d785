"""Keys of requests that create their runs once, in the SQLite file: taken in the transaction that adds the runs."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import cast

import orjson

from treadle.storage.contract.runs import IdempotentRequest, RunRecord
from treadle.storage.sqlite.database import Row, statements

SQL = statements("keys.sql")
# Keys that one transaction forgets at most, so that no other write waits long for it.
CHUNK = 500


def earlier(connection: sqlite3.Connection, once: IdempotentRequest, now: float) -> IdempotentRequest | None:
    """The earlier request with the key. Inside a transaction, so that no other request takes the key before its end."""
    row: Row | None = connection.execute(SQL["first"], (once.caller, once.key, now)).fetchone()
    return None if row is None else as_once(row)


def take(connection: sqlite3.Connection, once: IdempotentRequest, records: Sequence[RunRecord]) -> None:
    """Let a key that is free stand for the request that has just added these runs. Inside a transaction."""
    run_ids = orjson.dumps([record.run_id for record in records]).decode()
    connection.execute(SQL["take"], (once.caller, once.key, once.fingerprint, once.expires_at, run_ids))
    connection.execute(SQL["keep"], (once.expires_at, run_ids))


def forget_some(connection: sqlite3.Connection, now: float) -> bool:
    """Forget some of the keys whose time is over; whether there may be more. Inside a transaction."""
    return connection.execute(SQL["forget"], (now, CHUNK)).rowcount == CHUNK


def as_once(row: Row) -> IdempotentRequest:
    """The request in a row."""
    *facts, run_ids = row
    return IdempotentRequest(*cast(tuple[str, str, str, float], facts), tuple(orjson.loads(run_ids)))
