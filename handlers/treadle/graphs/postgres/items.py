"""Items in a PostgreSQL database."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import orjson
import psycopg
from langgraph.store.base import Op, PutOp, Result, SearchOp, TTLConfig
from langgraph.store.postgres import PostgresStore
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool

from treadle.graphs.item_index import Index, KnownVectors, Vectors
from treadle.graphs.items import MOST_VECTORS, ItemStore, page, whole
from treadle.graphs.postgres.conditions import condition
from treadle.graphs.postgres.connections import IDLE, errors, is_lost, parameters, settings
from treadle.graphs.postgres.item_tables import ItemTables
from treadle.graphs.sealed_values import with_plain_value
from treadle.storage.contract.store import DatabaseSchema

T = TypeVar("T")
Connection = psycopg.Connection[dict[str, Any]]
# Minutes of the shortest lifetime: LangGraph writes its seconds as a text, and PostgreSQL reads none with an exponent.
_SHORTEST = 1e-4
# Items that one statement deletes at most, so that it ends in time.
_CHUNK = 1000
# What another process deletes at the same time is not waited for.
_SWEEP = f"""
DELETE FROM store WHERE (prefix, key) IN
    (SELECT prefix, key FROM store WHERE expires_at < CURRENT_TIMESTAMP LIMIT {_CHUNK} FOR UPDATE SKIP LOCKED)
"""


class PostgresItems(ItemStore):
    """Items in a schema that processes share."""

    def __init__(self, place: DatabaseSchema, index: Index | None = None, ttl: TTLConfig | None = None) -> None:
        super().__init__(index, ttl, threads=place.connections)
        self._place = place
        self._lock = threading.Lock()
        self._opened: ConnectionPool[Connection] | None = None

    def start(self) -> None:
        if self._index is not None:
            self._pool()

    def sweep(self) -> None:
        if self._opened is not None:
            while self._carried_out(lambda connection: connection.execute(_SWEEP).rowcount) == _CHUNK:
                pass

    def _close(self) -> None:
        with self._lock:
            if self._opened is not None:
                self._opened.close(timeout=1)

    def _at_once(self, ops: list[Op], vectors: Vectors) -> list[Result]:
        writing = isinstance(ops[0], PutOp)
        if writing:  # in the same order everywhere: no two batches wait for each other
            ops = sorted(map(_lasting, ops), key=lambda op: (op.namespace, op.key) if isinstance(op, PutOp) else ())

        def batch(connection: Connection) -> list[Result]:
            connection.execute(_SWEEP)
            store = _Store(connection, index=self._index_config(vectors), ttl={"omit_expired": True})
            whole_ops = [self._whole(connection, op) for op in ops]
            with connection.transaction():
                return store.batch(whole_ops)

        found = self._carried_out(batch)
        return [page(op, result) if self.indexed else result for op, result in zip(ops, found, strict=True)]

    def _whole(self, connection: Connection, op: Op) -> Op:
        if not self.indexed or not isinstance(op, SearchOp) or not op.query:
            return op
        row = connection.execute(MOST_VECTORS).fetchone()
        return whole(op, next(iter(row.values())) if row else 1)

    def _index_config(self, vectors: Vectors) -> Any:
        if self._index is None:
            return None
        known = KnownVectors(vectors)
        return {"dims": self._index.dims, "embed": known, "fields": list(self._index.fields)}

    def _carried_out(self, work: Callable[[Connection], T]) -> T:
        """The result of `work`, which may be done twice. Raises StorageUnavailable."""
        with errors():
            pool = self._pool()
            try:
                with pool.connection() as connection:
                    return work(connection)
            except psycopg.Error as error:
                if not is_lost(error):
                    raise
            pool.check()  # when one connection was lost, others were
            with pool.connection() as connection:
                return work(connection)

    def _pool(self) -> ConnectionPool[Connection]:
        with self._lock:
            self._opened = self._opened or self._open()
            return self._opened

    def _open(self) -> ConnectionPool[Connection]:
        schemas = ItemTables(self._place, self._index).make()

        def configured(connection: Connection) -> None:
            connection.execute(*settings(self._place, *schemas))
            # As in a file: NaN becomes null, times become texts. Integers beyond 64 bits cannot be written, so that
            # what looks like one is a float, which jsonb writes with all its digits.
            set_json_dumps(orjson.dumps, connection)
            set_json_loads(orjson.loads, connection)

        pool = ConnectionPool[Connection](
            name="treadle-items",
            kwargs=parameters(self._place),
            configure=configured,
            min_size=1,
            max_size=self._place.connections,
            max_idle=IDLE,
            timeout=self._place.timeout,
            open=False,
        )
        pool.open()
        return pool


def _directed(query: str) -> str:
    """The search with no score, and so at its end, for a vector without direction: NaN would be above all others."""
    return query.replace("1 - uniq.neg_score AS score", "nullif(1 - uniq.neg_score, 'NaN') AS score").replace(
        "ORDER BY score DESC", "ORDER BY score DESC NULLS LAST, prefix, key"
    )


def _lasting(op: Op) -> Op:
    return op._replace(ttl=_SHORTEST) if isinstance(op, PutOp) and op.ttl and op.ttl < _SHORTEST else op


class _Store(PostgresStore):
    """LangGraph's store on one connection, with conditions as an SQLite file has them, and vectors that are not old."""

    def _prepare_batch_PUT_queries(self, put_ops: Sequence[tuple[int, PutOp]]) -> Any:  # noqa: N802
        queries, texts = super()._prepare_batch_PUT_queries(put_ops)
        if self.index_config:
            # Vectors are made of what encrypted values were.
            plain = [(number, with_plain_value(op)) for number, op in put_ops]
            _, texts = super()._prepare_batch_PUT_queries(plain)
            # The value before this one may have had more texts.
            old = "DELETE FROM store_vectors WHERE prefix = %s AND key = %s"
            queries = [*((old, (".".join(op.namespace), op.key)) for _, op in put_ops), *queries]
        return queries, texts

    def _prepare_batch_search_queries(self, search_ops: Sequence[tuple[int, SearchOp]]) -> Any:
        # All conditions are those of `_get_filter_condition`.
        named = [
            (
                number,
                op._replace(
                    filter={
                        key: value if isinstance(value, dict) else {"$eq": value}
                        for key, value in (op.filter or {}).items()
                    }
                ),
            )
            for number, op in search_ops
        ]
        queries, texts = super()._prepare_batch_search_queries(named)
        return [(_directed(query), values) for query, values in queries], texts

    def _get_filter_condition(self, key: str, op: str, value: Any) -> tuple[str, list[Any]]:
        return condition(key, op, value)
