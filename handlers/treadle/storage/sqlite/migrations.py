"""The schema of an SQLite file, and the way to it from that of any earlier version."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

from treadle.errors import ConfigError

APPLICATION_ID = 0x5472646C
"""Marks a file as Treadle's, in its header: "Trdl"."""


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the schema of a file up to this version, all of it or nothing.

    Raises ConfigError for a file of another program or of a newer version, and OperationalError while another process
    is writing: then nothing has begun.
    """
    scripts = list(migrations())
    connection.execute("BEGIN IMMEDIATE")
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application != APPLICATION_ID and (application or tables):
        raise ConfigError(f"{path}: belongs to another program; name another file in DATABASE_URI")
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > len(scripts):
        raise ConfigError(
            f"{path}: written by a newer Treadle (schema {version}); upgrade, or name another file in DATABASE_URI"
        )
    for number, script in list(enumerate(scripts, 1))[version:]:
        for statement in script.rstrip(";\n").split(";\n\n"):
            connection.execute(statement)
        connection.execute(f"PRAGMA user_version = {number}")
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute("COMMIT")


def migrations() -> Iterator[str]:
    """The scripts that make the schema, in order: script N makes version N from N - 1."""
    folder = files(__package__).joinpath("schema")
    for script in sorted(folder.iterdir(), key=lambda item: item.name):
        yield script.read_text("utf-8")
