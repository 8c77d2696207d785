"""Whether an SQLite file has encrypted data: without the author's handlers, runs in it would fail one after another."""

from __future__ import annotations

from pathlib import Path

from treadle.errors import ConfigError
from treadle.storage.sqlite.database import Database, statements

SQL = statements("encrypted.sql")


def check_encryption(database: Database, path: Path, *, encrypts: bool, others: bool) -> None:
    """Note in the file that this process encrypts. `others`: whether other processes have the file open.

    Raises ConfigError if it does not encrypt, and another one has; or if it is the first one to encrypt, and others
    have the file open: they would claim runs that they cannot decrypt.
    """
    found = database.read(SQL["found"])
    if encrypts and not found:
        if others:
            raise ConfigError(
                f"DATABASE_URI: {path} is open in a process without encryption; stop it before you start one with it"
            )
        database.write_now(SQL["note"])
    if found and not encrypts:
        raise ConfigError(
            f"DATABASE_URI: {path} has encrypted data, and the configuration has no encryption; add it, or name "
            "another file"
        )
