"""The PostgreSQL that tests use: one that is named, one that is there, or one that is started for the session."""

from __future__ import annotations

import atexit
import getpass
import os
import pwd
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "TEST_DATABASE_URI"
MISSING = f"PostgreSQL: not found ({VARIABLE})"
NO_VECTORS = "the PostgreSQL server has no extension vector"
OVER = 3600
"""Seconds after which a schema belongs to a session that was killed."""
_PATIENCE = 60


def answers(uri: str) -> bool:
    """Whether a PostgreSQL accepts connections there."""
    try:
        import psycopg
    except ImportError:  # the tests of the client alone need no database
        return False
    try:
        psycopg.connect(uri, connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def _found() -> str | None:
    with suppress(OSError), socket.create_connection(("127.0.0.1", 5432), timeout=1):
        for user in ("postgres", getpass.getuser()):
            for database in ("test", "postgres"):
                if answers(uri := f"postgresql://{user}@127.0.0.1:5432/{database}"):
                    return uri
    return None


def _started() -> str | None:
    """The address of a server of this session's own, which ends with this process."""
    binaries = _binaries()
    owner = _owner()
    if binaries is None or owner is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="treadle-postgresql-"))
    if os.getuid() != owner.pw_uid:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    as_owner: dict[str, Any] = {"cwd": folder, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if os.getuid() == 0:
        as_owner |= {"user": owner.pw_uid, "group": owner.pw_gid, "extra_groups": []}
    making = ["initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync"]
    if subprocess.run([binaries / making[0], *making[1:]], check=False, **as_owner).returncode:
        shutil.rmtree(folder, ignore_errors=True)
        return None
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = {"unix_socket_directories": folder, "fsync": "off", "max_connections": 400}
    serving = ["-D", "data", "-h", "127.0.0.1", "-p", str(port), *(f"--{key}={options[key]}" for key in options)]
    process = subprocess.Popen([binaries / "postgres", *serving], **as_owner)
    atexit.register(_stop, process, folder)
    uri = f"postgresql://postgres@127.0.0.1:{port}/postgres"
    deadline = time.monotonic() + _PATIENCE
    while process.poll() is None and time.monotonic() < deadline:
        if answers(uri):
            return uri
        time.sleep(0.1)
    return None


def _binaries() -> Path | None:
    on_path = shutil.which("initdb")
    installed = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(installed, key=lambda path: float(path.parts[-3]), default=None)
    found = Path(on_path).resolve() if on_path else newest
    return None if found is None else found.parent


def _owner() -> pwd.struct_passwd | None:
    """Who the server runs as: root may not run one."""
    if os.getuid() != 0:
        return pwd.getpwuid(os.getuid())
    for name in ("postgres", "nobody"):
        with suppress(KeyError):
            return pwd.getpwnam(name)
    return None


def _stop(process: subprocess.Popen[bytes], folder: Path) -> None:
    process.send_signal(signal.SIGINT)  # it ends connections, where SIGTERM has it wait for them
    with suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE)
    shutil.rmtree(folder, ignore_errors=True)


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
