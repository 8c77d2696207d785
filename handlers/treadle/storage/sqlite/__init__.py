"""Runs, threads and events in one SQLite file that several processes may share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path

from treadle.errors import ConfigError
from treadle.settings import Settings
from treadle.storage.contract.queue_limit import QueueLimit
from treadle.storage.contract.store import Storage
from treadle.storage.sqlite.database import Database
from treadle.storage.sqlite.deliveries import SQL as DELIVERIES
from treadle.storage.sqlite.deliveries import SqliteDeliveryStore
from treadle.storage.sqlite.events import SqliteEventLog
from treadle.storage.sqlite.feedback import SqliteFeedbackStore
from treadle.storage.sqlite.following import Followers, SqliteChanges
from treadle.storage.sqlite.ownership import Ownership
from treadle.storage.sqlite.runs import SQL, SqliteRunStore
from treadle.storage.sqlite.threads import SqliteThreadStore

FILE_RETENTION = 4 * 1024**3
"""Bytes of ended runs that are kept in a file, unless RUN_RETENTION_BYTES says otherwise."""
OWN_FOLDER = ".treadle"
"""The folder of the default file."""
DELIVERY_MARGIN = 15.0
"""Seconds by which the claim of a delivery outlasts the time that an attempt may take."""


def open_sqlite(settings: Settings, graph_ids: Sequence[str], clock: Callable[[], float]) -> Storage:
    """The storage in the file of `sqlite:///PATH`, made if it is not there. Raises ConfigError."""
    path = sqlite_path(settings.database_uri)
    try:
        _make_folder(path.parent)
    except OSError as error:
        raise ConfigError(f"{path.parent}: cannot be made: {error.strerror}; name another in DATABASE_URI") from None
    database = Database(path, synchronous=settings.sqlite_sync)
    with ExitStack() as opened:
        opened.callback(database.close)
        ownership = Ownership(path)
        opened.callback(ownership.release)
        if ownership.alone:
            # No live process owns runs that are marked running: their next attempts may begin at once.
            database.write_now(SQL["abandon"])
            database.write_now(DELIVERIES["abandon"])
        ownership.share()
        feedback = SqliteFeedbackStore(database, clock)
        opened.pop_all()
    changes = SqliteChanges(database)
    lease = settings.webhook_timeout + DELIVERY_MARGIN
    deliveries = SqliteDeliveryStore(database, clock, graph_ids, lease=lease, ttl=settings.run_ttl)
    changes.watch(deliveries.changed.set)
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

    def close() -> None:
        events.close_all()
        changes.stop()
        database.close()
        ownership.release()

    followers = Followers(database, changes, clock, settings.lease)
    events = SqliteEventLog(database, followers, settings.event_buffer_bytes, clock)
    changes.watch(events.share_what_is_wanted)
    threads = SqliteThreadStore(database, clock)
    return Storage(
        runs,
        threads,
        deliveries,
        feedback,
        events,
        changes,
        checkpoints=path.with_name("checkpoints.db"),
        durable=True,
        close=close,
    )


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
