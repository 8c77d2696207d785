"""Where LangGraph keeps what is its own, for each kind of store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.databases import POSTGRES, a_schema
from treadle.storage.contract.store import DatabaseSchema, Place


@contextmanager
def places(kind: str, file: Path) -> Iterator[Place]:
    """A place in which there is nothing yet: `memory`, `sqlite` in this file, or `postgresql`."""
    if kind != "postgresql":
        yield file if kind == "sqlite" else None
    else:
        with a_schema() as name:
            yield DatabaseSchema(POSTGRES or "", name, 3, 30)
