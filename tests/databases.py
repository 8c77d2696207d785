"""The PostgreSQL that tests use: one that is named, one that is there, or one that is started for the session."""

from __future__ import annotations

import atexit
import getpass
import os
import re
import socket
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import pytest

from tests.database_server import DatabaseServer, answers, installed

VARIABLE = "TEST_DATABASE_URI"
MISSING = f"PostgreSQL: not found ({VARIABLE})"
NO_VECTORS = "the PostgreSQL server has no extension vector"
OVER = 3600
"""Seconds after which a schema belongs to a session that was killed."""


def _found() -> str | None:
    with suppress(OSError), socket.create_connection(("127.0.0.1", 5432), timeout=1):
        for user in ("postgres", getpass.getuser()):
            for database in ("test", "postgres"):
                if answers(uri := f"postgresql://{user}@127.0.0.1:5432/{database}"):
                    return uri
    return None


def _started() -> str | None:
    """The address of a server of this session's own, which ends with this process."""
    if not installed():
        return None
    try:
        server = DatabaseServer()
        atexit.register(server.remove)
        server.start()
    except OSError:
        return None
    return server.uri


def _address() -> str | None:
    named = os.environ.get(VARIABLE)
    return _found() or _started() if named is None else named or None  # an empty one: without PostgreSQL


POSTGRES: str | None = _address()
"""The address of the server to test with: found when the first conftest is loaded, before tests are collected."""
if POSTGRES is not None:
    os.environ[VARIABLE] = POSTGRES  # for the workers of pytest-xdist, which start later

needs_postgres = pytest.mark.skipif(POSTGRES is None, reason=MISSING)
POSTGRES_PARAM = pytest.param("postgresql", marks=needs_postgres, id="postgresql")
"""For tests that run on several backends."""


@contextmanager
def a_schema() -> Iterator[str]:
    """The name of a schema which is not there yet, and which is dropped at the end of the block."""
    name = f"t_{int(time.time()):08x}_{uuid.uuid4().hex[:12]}"
    try:
        yield name
    finally:
        drop(name)


def drop(*schemas: str) -> None:
    """Drop these schemas, also while others are still connected to the database."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    with psycopg.connect(POSTGRES or "", autocommit=True) as connection:
        connection.execute("SET client_min_messages = error")
        for schema in schemas:
            connection.execute(SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(Identifier(schema)))


def has_vectors() -> bool:
    """Whether the server has the extension that searches by meaning need."""
    import psycopg

    with psycopg.connect(POSTGRES or "") as connection:
        found = connection.execute("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'")
        return found.fetchone() is not None


def drop_leftovers() -> None:
    """Drop the schemas of sessions that were killed."""
    import psycopg

    with psycopg.connect(POSTGRES or "") as connection:
        names = [str(name) for (name,) in connection.execute("SELECT nspname FROM pg_namespace")]
    made = {name: re.fullmatch("t_([0-9a-f]{8})_[0-9a-f]{12}", name) for name in names}
    drop(*(name for name, match in made.items() if match and int(match[1], 16) < time.time() - OVER))


def skipped(config: pytest.Config) -> int:
    """How many tests did not run for want of PostgreSQL."""
    reporter: Any = config.pluginmanager.get_plugin("terminalreporter")
    return 0 if reporter is None else sum(MISSING in str(each.longrepr) for each in reporter.stats.get("skipped", ()))
