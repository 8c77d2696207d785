"""Items in an SQLite file, or in memory."""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import lru_cache
from math import hypot
from operator import mul
from pathlib import Path
from typing import Any

import sqlite_vec  # type: ignore[import-untyped]
from langgraph.store.base import Op, PutOp, Result, SearchOp, TTLConfig
from langgraph.store.sqlite import SqliteStore

from treadle.graphs.item_index import Index, KnownVectors, Vectors
from treadle.graphs.items import MOST_VECTORS, ItemStore, page, whole
from treadle.graphs.sealed_values import with_plain_value

# Seconds that a write waits for one of another process.
BUSY = 60.0
# LangGraph's store replaces the row of an item that is put again, so that the item looks new. Its times have no
# fractions of a second, by which searches sort. Its values are bytes, some of which look like SQLite's binary JSON.
_TRIGGERS = (
    "CREATE TABLE IF NOT EXISTS treadle_made "
    "(prefix TEXT, key TEXT, created_at TEXT, PRIMARY KEY (prefix, key)) WITHOUT ROWID",
    """
    CREATE TRIGGER IF NOT EXISTS treadle_before BEFORE INSERT ON store BEGIN
        INSERT OR REPLACE INTO treadle_made
            SELECT prefix, key, created_at FROM store WHERE prefix = NEW.prefix AND key = NEW.key;
    END
    """,
    """
    CREATE TRIGGER IF NOT EXISTS treadle_after AFTER INSERT ON store BEGIN
        UPDATE store SET
            value = CAST(value AS TEXT),
            updated_at = strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now'),
            created_at = coalesce(
                (SELECT created_at FROM treadle_made WHERE prefix = NEW.prefix AND key = NEW.key),
                strftime('%Y-%m-%dT%H:%M:%f+00:00', 'now')
            )
        WHERE prefix = NEW.prefix AND key = NEW.key;
        DELETE FROM treadle_made WHERE prefix = NEW.prefix AND key = NEW.key;
    END
    """,
)
_EXPIRED = "SELECT 1 FROM store WHERE expires_at IS NOT NULL AND expires_at < CURRENT_TIMESTAMP LIMIT 1"


class SqliteItems(ItemStore):
    """Items in a file that processes share, or in memory."""

    def __init__(self, path: Path | None, index: Index | None = None, ttl: TTLConfig | None = None) -> None:
        """`path` is the file, which is made when the store is first used; None keeps the items in memory."""
        super().__init__(index, ttl, threads=1)
        self._path = path
        self._known = KnownVectors({})
        self._opened: _Store | None = None
        self._lock = threading.Lock()

    def sweep(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._sweep(self._opened)

    def _close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.conn.close()

    def _at_once(self, ops: list[Op], vectors: Vectors) -> list[Result]:
        with self._lock:
            store = self._opened = self._opened or self._open()
            self._sweep(store)
            self._known.vectors = vectors
            store.reading = not any(isinstance(op, PutOp) or getattr(op, "refresh_ttl", False) for op in ops)
            try:
                found = store.batch([self._whole(store, op) for op in ops])
            except ValueError as error:  # how LangGraph's store reports some errors of the database
                if isinstance(error.__cause__, sqlite3.Error):
                    raise error.__cause__ from None
                raise
            finally:
                store.reading = False
        return [page(op, result) if self.indexed else result for op, result in zip(ops, found, strict=True)]

    def _whole(self, store: _Store, op: Op) -> Op:
        if not self.indexed or not isinstance(op, SearchOp) or not op.query:
            return op
        (most,) = store.conn.execute(MOST_VECTORS).fetchone()
        return whole(op, most)

    def _sweep(self, store: _Store) -> None:
        if store.conn.execute(_EXPIRED).fetchone() is not None:
            store.sweep_ttl()

    def _open(self) -> _Store:
        connection = sqlite3.connect(
            ":memory:" if self._path is None else self._path,
            check_same_thread=False,
            isolation_level=None,
            timeout=BUSY,
        )
        with ExitStack() as undo:
            undo.callback(connection.close)
            for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON"):  # vectors go with items
                connection.execute(f"PRAGMA {pragma}")
            _make_tables(connection)
            index: Any = None
            if self._index is not None:
                fields = list(self._index.fields)
                index = {"dims": self._index.dims, "embed": self._known, "fields": fields, "text_fields": fields}
                _add_distance(connection)
            store = _Store(connection, index=index, ttl={"refresh_on_read": True})
            store.is_setup = True
            undo.pop_all()
        return store


def _add_distance(connection: sqlite3.Connection) -> None:
    """Add the SQL function for the distance of vectors: sqlite-vec's, or ours if this Python loads no extensions."""
    try:
        connection.enable_load_extension(True)
        sqlite_vec.load(connection)
        connection.enable_load_extension(False)
    except (AttributeError, sqlite3.Error):
        connection.create_function("vec_distance_cosine", 2, _cosine_distance, deterministic=True)


def _cosine_distance(one: bytes, other: bytes) -> float | None:
    """1 minus the cosine of the angle between two vectors of 32-bit floats; None if one of them has no direction."""
    left, right = array("f", one), array("f", other)
    lengths = _length(one) * _length(other)
    return 1.0 - sum(map(mul, left, right)) / lengths if lengths else None


@lru_cache(maxsize=8)  # a search compares one vector with all others
def _length(vector: bytes) -> float:
    return hypot(*array("f", vector))


class _Store(SqliteStore):
    """LangGraph's store with transactions that wait for other processes from their beginning, and end whole."""

    reading = False
    """Whether the next transaction writes nothing."""

    def _prepare_batch_PUT_queries(self, put_ops: Sequence[tuple[int, PutOp]]) -> Any:  # noqa: N802
        queries, texts = super()._prepare_batch_PUT_queries(put_ops)
        if self.index_config:  # vectors are made of what encrypted values were
            plain = [(number, with_plain_value(op)) for number, op in put_ops]
            _, texts = super()._prepare_batch_PUT_queries(plain)
        return queries, texts

    @contextmanager
    def _cursor(self, *, transaction: bool = True) -> Iterator[sqlite3.Cursor]:
        with self.lock, self.conn, closing(self.conn.cursor()) as cursor:
            # A transaction that reads first may not write after another process has: a read that renews lifetimes does.
            cursor.execute("BEGIN" if self.reading else "BEGIN IMMEDIATE")
            yield cursor


def _make_tables(connection: sqlite3.Connection) -> None:
    """Make or upgrade the tables in one transaction: LangGraph's own way is for one process that is not killed."""
    with connection:
        connection.execute("BEGIN IMMEDIATE")
        for table, migrations in (
            ("store_migrations", SqliteStore.MIGRATIONS),
            ("vector_migrations", SqliteStore.VECTOR_MIGRATIONS),
        ):
            connection.execute(f"CREATE TABLE IF NOT EXISTS {table} (v INTEGER PRIMARY KEY)")
            (done,) = connection.execute(f"SELECT coalesce(max(v), -1) FROM {table}").fetchone()
            for version, statement in enumerate(migrations):
                if version > done:
                    connection.execute(statement)
                    connection.execute(f"INSERT INTO {table} (v) VALUES (?)", (version,))
        for statement in _TRIGGERS:
            connection.execute(statement)
