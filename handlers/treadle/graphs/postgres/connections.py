"""Connections to a schema of a PostgreSQL database, and what their errors mean."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import ceil
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from psycopg_pool import PoolTimeout

from treadle.errors import CheckpointsUnavailable, ConfigError, StorageUnavailable
from treadle.storage.contract.store import DatabaseSchema

LONGEST = 32_767
"""The most seconds that TCP knows."""
IDLE = 60.0
"""Seconds after which a connection that nobody needs is closed, but for the last one."""
_SETTINGS = "SELECT set_config('search_path', %s, false), set_config('statement_timeout', %s, false)"


def parameters(place: DatabaseSchema) -> dict[str, Any]:
    """The arguments of a connection, as LangGraph's classes expect it."""
    seconds = min(ceil(place.timeout), LONGEST)
    # A server that vanished without a word is noticed within the time of a statement.
    defaults = {
        "application_name": "treadle",
        "connect_timeout": seconds,
        "keepalives_idle": seconds,
        "tcp_user_timeout": seconds * 1000,
    }
    given = {**defaults, **conninfo_to_dict(place.uri)}
    return {**given, "autocommit": True, "prepare_threshold": 0, "row_factory": dict_row}


def settings(place: DatabaseSchema, *schemas: str) -> tuple[str, tuple[str, str]]:
    """The statement, with its values, by which a connection finds tables and types in these schemas alone.

    It also limits the time of each statement. Poolers such as PgBouncer refuse such settings in the address.
    """
    path = ", ".join(Identifier(schema).as_string(None) for schema in schemas or (place.name,))
    return _SETTINGS, (path, f"{place.timeout * 1000:.0f}ms")


def check(place: DatabaseSchema) -> None:
    """Return if threads can be kept there. Raises ConfigError: the two drivers do not read every address alike."""
    name = place.named_by
    try:
        given = parameters(place)
    except (psycopg.ProgrammingError, ValueError):  # its text has parts of the address, and so of a password
        raise ConfigError(f"{name}: psycopg, which threads and items use, cannot read the address") from None
    try:
        with psycopg.Connection[Any].connect(**given) as connection:
            found = connection.execute("SELECT to_regclass(%s) AS found", (f"{place.name}.treadle_schema",)).fetchone()
    except (psycopg.Error, ValueError) as error:
        raise ConfigError(f"{name}: the database cannot be used for threads and items: {_first_line(error)}") from None
    if found == {"found": None}:
        raise ConfigError(f"{name}: it has no tables in the schema {place.name}; name the database of DATABASE_URI")


def created(connection: psycopg.Connection[Any], schema: str) -> None:
    """Create the schema if it is not there: a role that may not need not be able to."""
    if connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = %s", (schema,)).fetchone() is None:
        connection.execute(SQL("CREATE SCHEMA {}").format(Identifier(schema)))


def is_lost(error: psycopg.Error) -> bool:
    """Whether the same may work over another connection: the server may have been started anew."""
    return isinstance(error, psycopg.OperationalError | psycopg.InterfaceError) and not isinstance(
        error, PoolTimeout | psycopg.errors.QueryCanceled
    )


@contextmanager
def errors(*, of_checkpoints: bool = False) -> Iterator[None]:
    """Raise StorageUnavailable for errors of the database, ValueError for values that it cannot hold.

    `of_checkpoints`: raise CheckpointsUnavailable if the same may work later.
    """
    try:
        yield
    except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded) as error:
        raise ValueError(f"PostgreSQL cannot hold this: {_said(error)}") from error
    except psycopg.Error as error:
        passes = of_checkpoints and isinstance(error, psycopg.OperationalError | psycopg.InterfaceError)
        failure = CheckpointsUnavailable if passes else StorageUnavailable
        raise failure(f"The database is not available: {_said(error)}") from error


def _said(error: psycopg.Error) -> str:
    """The error, as a client may see it."""
    # Of the server, or of the driver before it asks the server.
    if isinstance(error, psycopg.errors.UntranslatableCharacter) or "NUL (0x00)" in str(error):
        return "a text with the character U+0000"
    return _first_line(error)


def _first_line(error: Exception) -> str:
    """Return the first line of the message. The other lines may quote what was written."""
    return (str(error).splitlines() or [type(error).__name__])[0]
