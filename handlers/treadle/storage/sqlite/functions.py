"""Functions that the statements of SQLite may call."""

from __future__ import annotations

from treadle.encoding import parse
from treadle.storage.contract.assistants import has_entries
from treadle.storage.sqlite.database import Database


def define_functions(database: Database) -> None:
    """`casefold(text)`, as SQLite's own `lower` knows ASCII alone, and `has_entries(metadata, wanted)` of two JSONs."""
    database.define("casefold", str.casefold, 1)
    # SQLite's own functions refuse JSON with NaN in it, which authors may have.
    database.define("has_entries", lambda metadata, wanted: has_entries(parse(metadata), parse(wanted)), 2)
