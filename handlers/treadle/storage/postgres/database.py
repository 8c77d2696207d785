"""The connections of this process to a PostgreSQL database. No statement waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, Literal, TypeAlias, TypeVar

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from treadle.errors import ConfigError, InvalidRequest, StorageUnavailable
from treadle.settings import Settings
from treadle.storage import sql_files

T = TypeVar("T")
Row: TypeAlias = "asyncpg.Record"
Connection: TypeAlias = "PoolConnectionProxy[Row]"
# What a connection calls itself, for those who look at `pg_stat_activity`.
NAME = "treadle"
# A role may have another one, under which statements fail that are to wait for one another.
ISOLATION: Literal["read_committed"] = "read_committed"
_LEVEL = {"default_transaction_isolation": "read committed"}
# Times that a transaction is tried which another one got in the way of.
TRIES = 5
# What says that the server, or the way to it, fails; other errors of PostgreSQL are about the statement or its data.
FAILURES = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    asyncpg.ObjectNotInPrerequisiteStateError,
    asyncpg.ReadOnlySQLTransactionError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.PostgresSystemError,
    # The schema was dropped, or its user may no longer use it.
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedTableError,
    asyncpg.InsufficientPrivilegeError,
    # A pooler gave the statement to another connection.
    asyncpg.InvalidSQLStatementNameError,
    asyncpg.DuplicatePreparedStatementError,
)
_IN_THE_WAY = (asyncpg.DeadlockDetectedError, asyncpg.SerializationError)


class Database:
    """A pool of connections. Its methods raise StorageUnavailable (503) if the database cannot be used in time."""

    def __init__(self, pool: asyncpg.Pool[Row], schema: str, *, timeout: float, pooled: bool) -> None:
        self.schema = schema
        self._pool = pool
        self._timeout = timeout
        self._pooled = pooled

    def statements(self, name: str, **parts: str) -> dict[str, str]:
        """The statements of a `.sql` file of this package for this schema, with parts that are put in."""
        found = sql_files.statements(__package__, name)
        for part, text in {"schema": self.schema, **parts}.items():
            found = {title: statement.replace(f"{{{part}}}", text) for title, statement in found.items()}
        return found

    async def fetch(self, statement: str, *values: Any) -> list[Row]:
        """Execute a statement in a transaction of its own, and return its rows."""

        async def work(connection: Connection) -> list[Row]:
            return await connection.fetch(statement, *values)

        # Behind a pooler in a transaction, or it may give the parts of the statement to different connections.
        return await self._unhindered(lambda: self._transaction(work) if self._pooled else self._alone(work))

    async def value(self, statement: str, *values: Any) -> Any:
        """The first column of the first row; None without rows."""
        rows = await self.fetch(statement, *values)
        return rows[0][0] if rows else None

    async def write(self, work: Callable[[Connection], Awaitable[T]], patience: float | None = None) -> T:
        """Commit `work`, all of it or nothing, and return its result. It is done anew if another one got in its way.

        `patience`: seconds that it may take, instead of those that any other statement may.
        """
        return await self._unhindered(lambda: self._transaction(work, patience))

    async def _unhindered(self, work: Callable[[], Awaitable[T]]) -> T:
        """The result of `work`, which is done anew if another transaction got in its way."""
        for tried in range(1, TRIES + 1):
            try:
                return await work()
            except _IN_THE_WAY as error:
                if tried == TRIES:
                    raise unavailable(error) from error
        raise AssertionError("unreachable")

    async def close(self) -> None:
        """Close the connections; those that are still at work are cut off after a while."""
        try:
            async with asyncio.timeout(self._timeout):
                await self._pool.close()
        except FAILURES:
            self._pool.terminate()

    async def _alone(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async with self._connection() as connection:
            return await work(connection)

    async def _transaction(self, work: Callable[[Connection], Awaitable[T]], patience: float | None = None) -> T:
        cancelled: asyncio.CancelledError | None = None
        try:
            async with self._connection(patience) as connection, connection.transaction(isolation=ISOLATION):
                try:
                    return await work(connection)
                except asyncio.CancelledError as error:
                    cancelled = error
                    connection.terminate()  # as below, before the transaction asks for its rollback
                    raise
        except StorageUnavailable:
            if cancelled is not None:
                raise cancelled from None
            raise

    @asynccontextmanager
    async def _connection(self, patience: float | None = None) -> AsyncIterator[Connection]:
        """A connection for one transaction, which may take as long as the database has to answer."""
        late = False

        def cut_off(connection: Connection) -> None:
            nonlocal late
            late = True
            connection.terminate()

        try:
            async with asyncio.timeout(self._timeout):
                connection = await self._pool.acquire()
            # Cut off, and not only cancelled: a server that is out of reach does not answer to that either.
            limit = asyncio.get_running_loop().call_later(patience or self._timeout, cut_off, connection)
            try:
                yield connection
            except asyncio.CancelledError:
                # The driver asks the server to cancel the statement, and waits for that without a limit.
                connection.terminate()
                raise
            finally:
                try:
                    await self._pool.release(connection)
                finally:
                    limit.cancel()
        except FAILURES as error:
            if isinstance(error, ValueError):  # of asyncpg, about a value: the database is all right
                raise
            raise unavailable(error) from error
        except (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError) as error:
            raise InvalidRequest("PostgreSQL cannot hold a text with the character U+0000") from error
        except Exception as error:  # whatever the driver makes of a connection that is gone
            if late:
                raise unavailable(TimeoutError()) from error
            raise


async def open_database(settings: Settings, connections: int) -> Database:
    """The database, which answers, with so many connections at most. Raises ConfigError if it does not answer."""
    pooled = settings.database_direct_uri is not None
    try:
        pool = await asyncpg.create_pool(
            settings.database_uri,
            min_size=1,
            max_size=connections,
            timeout=settings.database_timeout,
            reset=_nothing,
            # Statements that are prepared stay with one connection of a pooler, and the next one knows nothing of them.
            statement_cache_size=0 if pooled else 200,
            server_settings=None if pooled else {"application_name": NAME, **_LEVEL},
        )
    except (*FAILURES, asyncpg.PostgresError, ValueError) as error:
        raise unusable(error, settings.store_shown) from None
    return Database(pool, settings.database_schema, timeout=settings.database_timeout, pooled=pooled)


async def _nothing(_connection: object) -> None:
    """No statement leaves anything behind in its session: there is nothing to reset, and so no round trip."""


def unavailable(error: Exception) -> StorageUnavailable:
    """The error for callers when the database fails."""
    return StorageUnavailable(f"The run store is not available: {_said(error)}")


def unusable(error: Exception, shown: str) -> ConfigError:
    """The error at start-up for a database that cannot be used, `shown` without its password."""
    return ConfigError(
        f"DATABASE_URI={shown!r}: the database cannot be used: {_said(error)}; see that it runs and that the address "
        "is right, or name another"
    )


def _said(error: BaseException) -> str:
    if isinstance(error, StorageUnavailable) and error.__cause__ is not None:
        return _said(error.__cause__)
    statements = isinstance(error, asyncpg.InvalidSQLStatementNameError | asyncpg.DuplicatePreparedStatementError)
    if statements or "unsupported startup parameter" in str(error):  # that is PgBouncer's
        return "a pooler is between; name the database itself in DATABASE_DIRECT_URI"
    # It quotes parts of a password. Others are of the driver, and of certificates.
    if isinstance(error, ValueError) and not isinstance(error, asyncpg.InterfaceError | OSError):
        return "the address cannot be read (in a password, write @ / # ? as %40 %2F %23 %3F)"
    if isinstance(error, TimeoutError):
        return "it does not answer"
    if isinstance(error, FileNotFoundError):  # of the driver, which does not say which
        return "a file or a socket that the address names is not there"
    return str(error).partition("\n")[0] or type(error).__name__
