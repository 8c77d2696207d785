"""The stores that processes share, each with nothing in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.databases import POSTGRES
from tests.storage.stores import address

STORES = {"SQLite": "sqlite", "PostgreSQL": "postgresql"}
"""What figures call a store -> what tests call it."""


@contextmanager
def a_place(store: str, folder: Path) -> Iterator[str]:
    """The address of an empty store. Raises SystemExit without PostgreSQL."""
    if POSTGRES is None:
        raise SystemExit("this measures PostgreSQL: start one, or name one in TEST_DATABASE_URI")
    with TemporaryDirectory(dir=folder) as place, address(STORES[store], Path(place)) as uri:
        yield uri
