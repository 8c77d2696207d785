"""The store that graphs keep items in: LangGraph's own SQLite store, made usable from any thread and event loop."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from math import hypot
from operator import mul
from pathlib import Path
from typing import Any, cast

import sqlite_vec  # type: ignore[import-untyped]
from langchain_core.embeddings import Embeddings
from langgraph.store.base import BaseStore, Op, PutOp, Result, SearchItem, SearchOp, TTLConfig
from langgraph.store.base.embed import get_text_at_path
from langgraph.store.sqlite import SqliteStore

from treadle.errors import EmbeddingFailed
from treadle.graphs.sealed_values import with_plain_value

Vector = list[float]
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
# The most vectors that one item has: so many rows of a search may be about the same item.
_MOST_VECTORS = "SELECT coalesce(max(n), 1) FROM (SELECT count(*) AS n FROM store_vectors GROUP BY prefix, key)"
_EXPIRED = "SELECT 1 FROM store WHERE expires_at IS NOT NULL AND expires_at < CURRENT_TIMESTAMP LIMIT 1"


@dataclass(frozen=True, slots=True)
class Index:
    """How items are indexed for semantic search."""

    embeddings: Embeddings
    dims: int
    fields: tuple[str, ...] = ("$",)
    """The paths in a value whose texts are embedded; `$` is the whole value."""

    def texts(self, ops: Iterable[Op]) -> list[str]:
        """The texts whose vectors these operations need."""
        found: dict[str, None] = {}
        for op in ops:
            if isinstance(op, SearchOp) and op.query:
                found[op.query] = None
            elif isinstance(op, PutOp) and op.value is not None and op.index is not False:
                for path in self.fields if op.index is None else op.index:
                    found.update(dict.fromkeys(get_text_at_path(with_plain_value(op).value, path)))
        return list(found)

    def embed(self, texts: list[str]) -> dict[str, Vector]:
        """The vector of each text. Raises EmbeddingFailed."""
        with _embedding():
            return self._checked(texts, self.embeddings.embed_documents(texts) if texts else [])

    async def aembed(self, texts: list[str]) -> dict[str, Vector]:
        """As `embed`, without blocking the event loop."""
        with _embedding():
            return self._checked(texts, await self.embeddings.aembed_documents(texts) if texts else [])

    def _checked(self, texts: list[str], vectors: Sequence[Sequence[float]]) -> dict[str, Vector]:
        if len(vectors) != len(texts):
            raise EmbeddingFailed(f"store.index.embed gave {len(vectors)} vectors for {len(texts)} texts")
        if wrong := {len(vector) for vector in vectors} - {self.dims}:
            raise EmbeddingFailed(
                f"store.index.embed gave a vector of {min(wrong)} numbers, where store.index.dims says {self.dims}"
            )
        return {text: [float(number) for number in vector] for text, vector in zip(texts, vectors, strict=True)}


@contextmanager
def _embedding() -> Iterator[None]:
    try:
        yield
    except EmbeddingFailed:
        raise
    except Exception as error:  # the author's code, or a provider's: its own words are for the log
        raise EmbeddingFailed(f"The texts cannot be embedded: {type(error).__name__}") from error


class ItemStore(BaseStore):
    """Items in a file that processes share, or in memory. All its methods may be called on any thread and event loop.

    An item whose lifetime is over is gone at the next read. Values are JSON objects.
    """

    supports_ttl = True

    def __init__(self, path: Path | None, index: Index | None = None, ttl: TTLConfig | None = None) -> None:
        """`path` is the file, which is made when the store is first used; None keeps the items in memory."""
        # Without lifetimes in the configuration, reading renews none: each read would have to write.
        self.ttl_config = ttl or {"refresh_on_read": False}
        self.indexed = index is not None
        self._path = path
        self._index = index
        self._known = _KnownVectors()
        self._opened: _Store | None = None
        self._lock = threading.Lock()
        self._calls = ThreadPoolExecutor(1, "treadle-items")

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry the operations out: reads first, then writes in one transaction. Embeds before it locks anything."""
        ops = list(ops)
        return self._carry_out(ops, self._index.embed(self._index.texts(ops)) if self._index else {})

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`, without blocking the event loop."""
        # Copied: the caller may change a value before it is written.
        ops = [op._replace(value=deepcopy(op.value)) if isinstance(op, PutOp) else op for op in ops]
        vectors = await self._index.aembed(self._index.texts(ops)) if self._index else {}
        return await asyncio.get_running_loop().run_in_executor(self._calls, self._carry_out, ops, vectors)

    def sweep(self) -> None:
        """Delete the items whose lifetime is over, if the store has been used."""
        with self._lock:
            if self._opened is not None:
                self._sweep(self._opened)

    def close(self) -> None:
        """Close the file; items in memory are gone."""
        self._calls.shutdown(wait=True, cancel_futures=True)
        with self._lock:
            if self._opened is not None:
                self._opened.conn.close()

    def _carry_out(self, ops: Sequence[Op], vectors: Mapping[str, Vector]) -> list[Result]:
        results: list[Result] = [None] * len(ops)
        # Writes are a transaction of their own: an error in one of them undoes them all.
        for writing in (False, True):
            part = [(number, op) for number, op in enumerate(ops) if isinstance(op, PutOp) is writing]
            if part:
                with self._lock:
                    found = self._with_vectors(vectors, [op for _, op in part])
                for (number, _), result in zip(part, found, strict=True):
                    results[number] = result
        return results

    def _with_vectors(self, vectors: Mapping[str, Vector], ops: list[Op]) -> list[Result]:
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
        return [self._page(op, result) for op, result in zip(ops, found, strict=True)]

    def _whole(self, store: _Store, op: Op) -> Op:
        """A search for all pages up to the one that is asked for: LangGraph's own takes the page from the best few."""
        if isinstance(op, SearchOp) and op.query and self._index is not None:
            (most,) = store.conn.execute(_MOST_VECTORS).fetchone()
            return op._replace(limit=(op.limit + op.offset) * most, offset=0)
        return op

    def _page(self, op: Op, result: Result) -> Result:
        if isinstance(op, SearchOp) and op.query and self._index is not None:
            return cast(list[SearchItem], result)[op.offset : op.offset + op.limit]
        return result

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


class _KnownVectors(Embeddings):
    """The vectors of the texts in the operations that are being carried out."""

    def __init__(self) -> None:
        self.vectors: Mapping[str, Vector] = {}

    def embed_documents(self, texts: list[str]) -> list[Vector]:
        return [self.vectors[text] for text in texts]

    def embed_query(self, text: str) -> Vector:
        return self.vectors[text]


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
