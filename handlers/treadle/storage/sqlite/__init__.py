"""Runs, threads and events in one SQLite file that several processes may share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

from treadle.errors import ConfigError
from treadle.settings import Settings
from treadle.storage.contract.events import EventLog
from treadle.storage.contract.queue_limit import QueueLimit
from treadle.storage.contract.store import Storage
from treadle.storage.events.rows import EventRows, WithRows
from treadle.storage.events.shared import SharedEventLog
from treadle.storage.sqlite.assistants import SqliteAssistantStore
from treadle.storage.sqlite.changes import SqliteChanges
from treadle.storage.sqlite.database import Database
from treadle.storage.sqlite.deliveries import SQL as DELIVERIES
from treadle.storage.sqlite.deliveries import SqliteDeliveryStore
from treadle.storage.sqlite.encrypted import check_encryption
from treadle.storage.sqlite.event_rows import SqliteEventRows
from treadle.storage.sqlite.feedback import SqliteFeedbackStore, read_secret
from treadle.storage.sqlite.functions import define_functions
from treadle.storage.sqlite.ownership import Ownership
from treadle.storage.sqlite.runs import SQL, SqliteRunStore
from treadle.storage.sqlite.threads import SqliteThreadStore

FILE_RETENTION = 4 * 1024**3
"""Bytes of ended runs that are kept in a file, unless RUN_RETENTION_BYTES says otherwise."""
OWN_FOLDER = ".treadle"
"""The folder of the default file."""
DELIVERY_MARGIN = 15.0
"""Seconds by which the claim of a delivery outlasts the time that an attempt may take."""


async def open_sqlite(
    settings: Settings, graph_ids: Sequence[str], clock: Callable[[], float], with_rows: WithRows | None = None
) -> Storage:
    """The storage in the file of `sqlite:///PATH`, made if it is not there. Raises ConfigError."""
    path = sqlite_path(settings.database_uri)
    database, ownership, secret = _open(path, settings.sqlite_sync, encrypts=with_rows is not None)
    changes = SqliteChanges(database)
    lease = settings.webhook_timeout + DELIVERY_MARGIN
    deliveries = SqliteDeliveryStore(database, clock, graph_ids, lease=lease, ttl=settings.run_ttl)
    runs = SqliteRunStore(
        database,
        clock,
        graph_ids,
        deliveries,
        lease=settings.lease,
        ttl=settings.run_ttl,
        resumable_ttl=settings.resumable_ttl,
        feedback_ttl=settings.feedback_ttl,
        queue_limit=QueueLimit(settings.max_queued),
        retention_bytes=FILE_RETENTION if settings.run_retention_bytes is None else settings.run_retention_bytes,
    )
    rows: EventRows = SqliteEventRows(database, clock, settings.lease)
    events = SharedEventLog(with_rows(rows) if with_rows else rows, settings.event_buffer_bytes, settings.lease)
    changes.watch(deliveries.look)
    changes.watch(events.look)
    return Storage(
        runs,
        SqliteThreadStore(database, clock),
        SqliteAssistantStore(database, settings.max_assistants),
        deliveries,
        SqliteFeedbackStore(database, clock, secret),
        events,
        changes,
        clock,
        checkpoints=path.with_name("checkpoints.db"),
        items=path.with_name("items.db"),
        durable=True,
        close=partial(_close, events, changes, database, ownership),
    )


def _open(path: Path, synchronous: str, *, encrypts: bool) -> tuple[Database, Ownership, bytes]:
    """The file, and the secret in it. Runs and deliveries that no live process owns are free at once."""
    try:
        _make_folder(path.parent)
    except OSError as error:
        raise ConfigError(f"{path.parent}: cannot be made: {error.strerror}; name another in DATABASE_URI") from None
    database = Database(path, synchronous=synchronous)
    with ExitStack() as opened:
        opened.callback(database.close)
        ownership = Ownership(path)
        opened.callback(ownership.release)
        if ownership.others:
            ownership.share()  # after one that is alone at the moment, which may note that it encrypts
        check_encryption(database, path, encrypts=encrypts, others=ownership.others)
        if ownership.alone:
            database.write_now(SQL["abandon"])
            database.write_now(DELIVERIES["abandon"])
        ownership.share()
        secret = read_secret(database)
        define_functions(database)
        opened.pop_all()
    return database, ownership, secret


async def _close(events: EventLog, changes: SqliteChanges, database: Database, ownership: Ownership) -> None:
    events.close_all()
    changes.stop()
    database.close()
    ownership.release()


def _make_folder(folder: Path) -> None:
    """Make the folder of a file. Treadle's own one keeps itself out of the repository that it comes to lie in."""
    folder.mkdir(parents=True, exist_ok=True)
    if folder.name == OWN_FOLDER:
        with suppress(FileExistsError), folder.joinpath(".gitignore").open("x", encoding="utf-8") as ignored:
            ignored.write("# Made by Treadle.\n*\n")


def sqlite_path(uri: str) -> Path:
    """The file that `sqlite:///PATH` names: relative to the working directory, or absolute with a fourth slash."""
    path = uri.removeprefix("sqlite://").removeprefix("/")
    if not uri.startswith("sqlite:///") or path in ("", ":memory:"):
        raise ConfigError(f"DATABASE_URI={uri!r}: name a file, such as sqlite:///.treadle/runs.db; or use memory://")
    return Path(path)
