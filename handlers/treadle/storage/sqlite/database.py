"""One SQLite file: read on the caller's thread, and written on one thread that commits waiting writes together."""

from __future__ import annotations

import asyncio
import contextlib
import random
import sqlite3
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeGuard, TypeVar

from treadle.errors import ConfigError, StorageUnavailable
from treadle.storage import sql_files
from treadle.storage.sqlite.migrations import migrate

T = TypeVar("T")
Row = tuple[Any, ...]

# How long a write waits for another process that is writing, in seconds.
BUSY = 5.0
# How long a read waits for a file that another process recovers, in milliseconds: the event loop waits with it.
READ_BUSY_MS = 100
# Seconds between two checks for commits of other processes.
PERIOD = 0.01
# The same when they have committed nothing for a second.
QUIET_PERIOD = 0.04
# Writes per commit at most. Their callers are answered together.
GROUP = 200
# Errors of SQLite about the data, and not about the file.
REFUSALS = (sqlite3.IntegrityError, sqlite3.DataError)
# Advice about a file that cannot be used, by the kind of error.
ADVICE = {
    sqlite3.SQLITE_BUSY: "stop the program that has it locked",
    sqlite3.SQLITE_CANTOPEN: "see that it is a file, and that file and folder may be written",
    sqlite3.SQLITE_READONLY: "see that file and folder may be written",
    sqlite3.SQLITE_FULL: "make room on the disk",
}


def statements(name: str) -> dict[str, str]:
    """The statements of a `.sql` file of this package, by name."""
    return sql_files.statements(__package__, name)


class Database:
    """The connections to one file. Everything but `_Writer` belongs to the event loop that opened it."""

    def __init__(self, path: Path, *, synchronous: str) -> None:
        self.path = path
        with contextlib.ExitStack() as opened:
            try:
                self._reader = opened.enter_context(contextlib.closing(_connect(path, synchronous)))
                _retry(partial(migrate, self._reader, path))
                # Reads wait only while another process recovers the file.
                self._reader.execute(f"PRAGMA busy_timeout = {READ_BUSY_MS}")
                writer = _connect(path, synchronous)
            except sqlite3.Error as error:
                raise unusable(path, error) from None
            opened.pop_all()
        self._writer = _Writer(writer, asyncio.get_running_loop())

    def read(self, statement: str, *parameters: Any) -> list[Row]:
        """All rows. Raises StorageUnavailable (503) if the file cannot be read."""
        try:
            return self._reader.execute(statement, parameters).fetchall()
        except sqlite3.Error as error:
            raise unavailable(error) from error

    def read_while(self, more: Callable[[Row], bool], statement: str, *parameters: Any) -> list[Row]:
        """The rows up to the first one after which no `more` are wanted. Raises StorageUnavailable (503)."""
        rows = []
        try:
            with contextlib.closing(self._reader.execute(statement, parameters)) as cursor:
                for row in cursor:
                    rows.append(row)
                    if not more(row):
                        break
        except sqlite3.Error as error:
            raise unavailable(error) from error
        return rows

    def define(self, name: str, function: Callable[..., Any], arity: int) -> None:
        """Let the statements of `read` call a function: one that always gives the same result for the same values."""
        self._reader.create_function(name, arity, function, deterministic=True)

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Commit `work`, all of it or nothing, in the order of the calls, and return its result.

        Raises StorageUnavailable (503) if the file cannot be written.
        """
        return await self._writer.submit(work)

    def write_soon(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        """As `write`, before all that is written later, whether anybody waits for it or not."""
        written = self._writer.submit(work)
        written.add_done_callback(_retrieved)
        return written

    def write_now(self, statement: str) -> None:
        """Execute and commit one statement before anything else happens; at start-up only. Raises ConfigError."""
        try:
            _retry(lambda: self._reader.execute(statement))
        except sqlite3.Error as error:
            raise unusable(self.path, error) from None

    def listen(self, heard: Callable[[], None]) -> None:
        """Have `heard` called, on the event loop, when another process has committed something."""
        self._writer.listen(heard)

    def close(self) -> None:
        """Commit the waiting writes, and close the file."""
        self._writer.stop()
        self._reader.close()


class _Writer:
    """A thread that runs pieces of work in order, many to a transaction."""

    def __init__(self, connection: sqlite3.Connection, loop: asyncio.AbstractEventLoop) -> None:
        self._connection = connection
        self._loop = loop
        self._new: list[_Work[Any]] = []
        """What has come in this turn of the loop. It is handed over at once: a thread that wakes takes the interpreter
        away from the others."""
        self._waiting: SimpleQueue[_Work[Any] | None] = SimpleQueue()
        """None: look whether there is something else to do."""
        self._stopping = False
        self._heard: Callable[[], None] | None = None
        self._version = 0
        self._look_at = self._changed_at = 0.0
        self._thread = threading.Thread(target=self._run, name="treadle-writer", daemon=True)
        self._thread.start()

    def submit(self, work: Callable[[sqlite3.Connection], T]) -> asyncio.Future[T]:
        item = _Work(work, self._loop.create_future())
        if self._stopping:
            item.future.set_exception(StorageUnavailable("The run store is closed"))
        else:
            self._new.append(item)
            if len(self._new) == 1:
                self._loop.call_soon(self._hand_over)
        return item.future

    def _hand_over(self) -> None:
        new, self._new = self._new, []
        for item in new:
            self._waiting.put(item)

    def listen(self, heard: Callable[[], None]) -> None:
        self._heard = heard
        self._waiting.put(None)

    def stop(self) -> None:
        self._hand_over()  # first: the thread ends as soon as it is told to, and has nothing to do
        self._stopping = True
        self._waiting.put(None)
        self._thread.join(timeout=30)

    def _run(self) -> None:
        with contextlib.closing(self._connection) as connection:
            while not (self._stopping and self._waiting.empty()):
                if group := self._next_group():
                    self._commit(connection, group)
                self._look(connection)

    def _next_group(self) -> list[_Work[Any]]:
        """Wait for work, and return what there is of it: nothing if it is time to look around."""
        patience = None if self._heard is None else max(self._look_at - time.monotonic(), 0)
        group: list[_Work[Any]] = []
        with contextlib.suppress(Empty):
            item = self._waiting.get(timeout=patience)
            while item is not None:
                group.append(item)
                item = self._waiting.get_nowait() if len(group) < GROUP else None
        return group

    def _look(self, connection: sqlite3.Connection) -> None:
        """Check now and then whether another process has committed. This connection's own commits do not count."""
        now = time.monotonic()
        if self._heard is None or now < self._look_at:
            return
        with contextlib.suppress(sqlite3.Error, RuntimeError):  # a file that fails, or a loop that has closed
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            if version != self._version:
                self._loop.call_soon_threadsafe(self._heard)
                self._version, self._changed_at = version, now
        self._look_at = now + (PERIOD if now - self._changed_at < 1 else QUIET_PERIOD)

    def _commit(self, connection: sqlite3.Connection, group: list[_Work[Any]]) -> None:
        try:
            _retry(lambda: connection.execute("BEGIN IMMEDIATE"))
            for item in group:
                item.run(connection)
            connection.execute("COMMIT")
        except Exception as error:  # of SQLite's or of the work's: its caller is told, and the thread goes on
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            if len(group) > 1 and _kind(error) != sqlite3.SQLITE_BUSY:
                # A write that is refused, or finds no room, must not fail the others.
                for item in group:
                    self._commit(connection, [item])
                return
            for item in group:
                item.error = unavailable(error) if _of_the_file(error) else error
        with contextlib.suppress(RuntimeError):  # the loop has closed, and with it the callers
            self._loop.call_soon_threadsafe(_resolve, group)


class _Work(Generic[T]):
    __slots__ = ("_call", "error", "future", "result")

    def __init__(self, call: Callable[[sqlite3.Connection], T], future: asyncio.Future[T]) -> None:
        self._call = call
        self.future = future
        self.result: T | None = None
        self.error: Exception | None = None

    def run(self, connection: sqlite3.Connection) -> None:
        """Do it inside a transaction."""
        result = self._call(connection)
        # A cursor stays on this thread: freed on another one it resets a statement that is in use here.
        self.result = None if isinstance(result, sqlite3.Cursor) else result


def unavailable(error: sqlite3.Error) -> StorageUnavailable:
    """The error for callers when the file fails."""
    return StorageUnavailable(f"The run store is not available: {error}")


def unusable(path: Path, error: sqlite3.Error) -> ConfigError:
    """The error at start-up for a file that cannot be the run store."""
    advice = ADVICE.get(_kind(error), "move it away")
    return ConfigError(f"{path}: cannot be the run store: {error}; {advice}, or name another file in DATABASE_URI")


def _of_the_file(error: Exception) -> TypeGuard[sqlite3.Error]:
    return isinstance(error, sqlite3.Error) and not isinstance(error, REFUSALS)


def _resolve(group: list[_Work[Any]]) -> None:
    for item in group:
        if item.future.done():
            continue  # its caller has gone
        if item.error is not None:
            item.future.set_exception(item.error)
        else:
            item.future.set_result(item.result)


def _retrieved(future: asyncio.Future[Any]) -> None:
    if not future.cancelled():
        future.exception()


def _kind(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _retry(call: Callable[[], object]) -> None:
    """Wait for another process: SQLite's own waiting grows to a tenth of a second, too long for a stream's next event,
    and does not cover a file that is being made.
    """
    deadline = time.monotonic() + BUSY
    while True:
        try:
            call()
        except sqlite3.OperationalError as error:
            if _kind(error) != sqlite3.SQLITE_BUSY or time.monotonic() > deadline:
                raise
            time.sleep(random.uniform(0.0002, 0.002))
        else:
            return


def _connect(path: Path, synchronous: str) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=0, isolation_level=None, check_same_thread=False)
    with contextlib.ExitStack() as opened:
        opened.callback(connection.close)
        for pragma in ("journal_mode = WAL", f"synchronous = {synchronous}", "cache_size = -16000"):
            _retry(partial(connection.execute, f"PRAGMA {pragma}"))
        opened.pop_all()
    return connection
