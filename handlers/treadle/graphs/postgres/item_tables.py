"""The tables of items, and of the vectors by which they are searched."""

from __future__ import annotations

from typing import Any

import psycopg
from langgraph.store.postgres import PostgresStore

from treadle.errors import GraphError
from treadle.graphs.item_index import Index
from treadle.graphs.postgres.connections import settings
from treadle.graphs.postgres.tables import Connection, Migrations, make_tables
from treadle.storage.contract.store import DatabaseSchema

# Namespaces are sorted as everywhere, whatever the language of the database. Lifetimes may be parts of a minute.
_CHANGES = (
    'ALTER TABLE store ALTER COLUMN prefix TYPE text COLLATE "C", ALTER COLUMN key TYPE text COLLATE "C", '
    "ALTER COLUMN ttl_minutes TYPE numeric",
)
_EXTENSION = """
SELECT nspname FROM pg_extension JOIN pg_namespace ON pg_namespace.oid = extnamespace WHERE extname = 'vector'
"""
_DIMS = """
SELECT atttypmod AS dims FROM pg_attribute WHERE attrelid = 'store_vectors'::regclass AND attname = 'embedding'
"""


class ItemTables:
    """Makes the tables."""

    def __init__(self, place: DatabaseSchema, index: Index | None) -> None:
        self._place = place
        self._index = index
        self._schemas = [place.name]

    def make(self) -> list[str]:
        """Make or upgrade them, and return the schemas in which tables and types are found.

        Raises GraphError if the server has no vectors, or other ones. Raises StorageUnavailable.
        """
        make_tables(self._place, self._items, *([self._vectors, self._checked] if self._index is not None else []))
        return self._schemas

    def _items(self, connection: Connection) -> Migrations:
        return {"store_migrations": PostgresStore.MIGRATIONS, "treadle_store_migrations": _CHANGES}

    def _vectors(self, connection: Connection) -> Migrations:
        found = connection.execute(_EXTENSION).fetchone()
        if found is None:
            try:
                connection.execute("CREATE EXTENSION IF NOT EXISTS vector WITH SCHEMA public")
            except psycopg.Error as error:
                said = str(error).splitlines()[0]
                raise GraphError(
                    "store.index: the PostgreSQL server has no extension vector (pgvector), which searches by meaning "
                    f"need: install it, or remove store.index ({said})"
                ) from error
            found = {"nspname": "public"}
        self._schemas.append(found["nspname"])
        connection.execute(*settings(self._place, *self._schemas))
        # LangGraph's first statement makes the extension, and its last one an index that its searches do not use.
        assert self._index is not None
        made: Any = PostgresStore.VECTOR_MIGRATIONS[1]
        return {"vector_migrations": ["SELECT 1", made.sql % {"vector_type": "vector", "dims": self._index.dims}]}

    def _checked(self, connection: Connection) -> Migrations:
        row = connection.execute(_DIMS).fetchone()
        assert self._index is not None
        if row is not None and row["dims"] != self._index.dims:
            raise GraphError(
                f"store.index.dims is {self._index.dims}, and the vectors in the database have {row['dims']} numbers: "
                f"drop the table store_vectors, and put the items again"
            )
        return {}
