"""The tables of a schema, and the way to them from those of any earlier version."""

from __future__ import annotations

from importlib.resources import files

import asyncpg

from treadle.errors import ConfigError, StorageUnavailable
from treadle.storage.postgres.database import Connection, Database, unusable

OLDEST = 130000
"""The oldest version of PostgreSQL, as `server_version_num` gives it."""
# Seconds for which processes that start at once wait for the first one, which may have a large table to change.
PATIENCE = 600.0
_LOCK = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"
_VERSION = "CREATE TABLE IF NOT EXISTS {schema}.treadle_schema (version integer NOT NULL)"


async def migrate(database: Database, shown: str) -> None:
    """Bring the tables up to this version, all of it or nothing. Processes that start at once wait for one another.

    `shown`: the address of the database, for errors.
    Raises ConfigError for a schema of another program or of a newer version, and without the right to make tables.
    """
    schema = database.schema
    refused = ConfigError(f"DATABASE_SCHEMA={schema}: the name means something else in SQL; take another one")
    if schema == "information_schema":
        raise refused
    try:
        await database.write(lambda connection: _migrate(connection, schema), PATIENCE)
    except (asyncpg.PostgresSyntaxError, asyncpg.ReservedNameError):
        raise refused from None
    except (asyncpg.PostgresError, StorageUnavailable) as error:
        raise unusable(error, shown) from None


async def _migrate(connection: Connection, schema: str) -> None:
    number = int(await connection.fetchval("SHOW server_version_num"))
    if number < OLDEST:
        raise ConfigError(f"DATABASE_URI: PostgreSQL {number // 10000} is too old; use {OLDEST // 10000} or newer")
    encoding = await connection.fetchval("SHOW server_encoding")
    if encoding != "UTF8":
        raise ConfigError(f"DATABASE_URI: the encoding of the database is {encoding}; make one with UTF8")
    await connection.execute(_LOCK, f"treadle:{schema}")  # that of the tables of threads and items, too
    scripts = migrations()
    version = await _version(connection, schema)
    if version > len(scripts):
        raise ConfigError(
            f"DATABASE_SCHEMA={schema}: written by a newer Treadle (schema {version}); upgrade, or name another"
        )
    for script in scripts[version:]:
        await connection.execute(script.replace("{schema}", schema))
    if version < len(scripts):
        await connection.execute(f"UPDATE {schema}.treadle_schema SET version = {len(scripts)}")


async def _version(connection: Connection, schema: str) -> int:
    """The version of the tables that are there; 0 without any."""
    if await connection.fetchval("SELECT to_regnamespace($1) IS NULL", schema):
        await connection.execute(f"CREATE SCHEMA {schema}")
    if await connection.fetchval("SELECT to_regclass($1) IS NULL", f"{schema}.treadle_schema"):
        taken = "SELECT count(*) FROM pg_tables WHERE schemaname = $1 AND tablename IN ('runs', 'threads', 'events')"
        if await connection.fetchval(taken, schema):
            raise ConfigError(f"DATABASE_SCHEMA={schema}: belongs to another program; name another one")
        await connection.execute(_VERSION.replace("{schema}", schema))
        await connection.execute(f"INSERT INTO {schema}.treadle_schema (version) VALUES (0)")
    version: int = await connection.fetchval(f"SELECT version FROM {schema}.treadle_schema")
    return version


def migrations() -> list[str]:
    """The scripts that make the tables, in order: script N makes version N from N - 1."""
    folder = files(__package__).joinpath("schema")
    return [script.read_text("utf-8") for script in sorted(folder.iterdir(), key=lambda item: item.name)]
