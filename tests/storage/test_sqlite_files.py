"""Files that are older, newer, broken, locked or not writable: used, or refused in one line that names a remedy."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractAsyncContextManager, closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.storage.stores import Clock, claim_one, ending, opened, record, store
from tests.storage.test_threads import thread
from treadle.errors import ConfigError
from treadle.storage.contract.store import Storage
from treadle.storage.sqlite import database, migrations

pytestmark = pytest.mark.anyio
OLD_RUN = """
INSERT INTO runs (run_id, thread_id, assistant_id, graph_id, request, temporary, resumable, shared, size, created_at,
    due, status, attempt, claim, lease, updated_at)
VALUES (?, 'thread', 'assistant', 'graph', ?, 1, 0, 0, 10, 900, 900, ?, ?, ?, ?, 900)
"""
REQUEST = b'{"metadata":{"a":1},"kwargs":{"temporary":true,"resumable":false},"multitask_strategy":null}'


def file(path: Path) -> AbstractAsyncContextManager[Storage]:
    """The store in a file."""
    return opened(f"sqlite:///{path}", Clock())


async def open_file(path: Path) -> None:
    """Open the store in a file, and close it again."""
    async with file(path):
        pass


async def refusal(path: Path) -> str:
    """How the file is refused: in one line that names it."""
    with pytest.raises(ConfigError) as refused:
        await open_file(path)
    text = str(refused.value)
    assert "\n" not in text and str(path) in text
    assert "; " in text, "what to do comes after a semicolon"
    return text


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The store waits 0.1 seconds for a locked file, and no longer."""
    monkeypatch.setattr(database, "BUSY", 0.1)


async def made(path: Path) -> Path:
    """A run store with a run."""
    async with file(path) as storage:
        await storage.runs.add([record("a")])
    return path


async def test_a_file_of_the_first_schema_is_brought_up_to_date_with_its_runs(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    first, *later = migrations.migrations()
    assert later
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(first)
        connection.execute(f"PRAGMA application_id = {migrations.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute(OLD_RUN, ("waiting", REQUEST, "pending", 0, None, None))
        connection.execute(OLD_RUN, ("running", REQUEST, "running", 1, "token", 2000.0))
        connection.commit()
    for _ in range(2):  # the second time there is nothing to do
        async with file(path) as storage:
            found = await storage.runs.find()
            assert [run.run_id for run in found] == ["running", "waiting"]
            assert found[1].metadata == {"a": 1}
    async with file(path) as storage:
        assert await storage.threads.add(thread())
        runs = await storage.runs.claim(10)  # the first process is gone: its run begins again
        assert {run.run_id: run.attempt for run in runs} == {"waiting": 1, "running": 2}
        for run in runs:
            await storage.runs.settle(run.run_id, run.claim or "", ending())
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (1 + len(later),)
        assert connection.execute("SELECT pending FROM queue").fetchone() == (0,)  # the one that waited was counted


async def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    path = await made(tmp_path / "runs.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 0")  # so that the tables of the first script are there already
        before = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    assert "table runs already exists; move it away" in await refusal(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == before
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)


@pytest.mark.parametrize("mark", ["CREATE TABLE notes (text TEXT)", "PRAGMA application_id = 42"])
async def test_a_file_of_another_program_is_left_alone(tmp_path: Path, mark: str) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(mark)
        connection.commit()
        before = connection.execute("SELECT name FROM sqlite_schema").fetchall()
    assert "belongs to another program; name another file in DATABASE_URI" in await refusal(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_schema").fetchall() == before
        assert connection.execute("PRAGMA user_version").fetchone() == (0,)


async def test_a_file_of_a_newer_schema_is_refused(tmp_path: Path) -> None:
    path = await made(tmp_path / "runs.db")
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    assert "written by a newer Treadle (schema 99); upgrade" in await refusal(path)


async def test_what_is_no_run_store_is_refused(tmp_path: Path) -> None:
    text, folder = tmp_path / "text.db", tmp_path / "folder.db"
    text.write_text("once upon a time\n" * 1000)
    folder.mkdir()
    assert "file is not a database; move it away" in await refusal(text)
    assert "see that it is a file" in await refusal(folder)
    assert text.read_text() == "once upon a time\n" * 1000


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[:100] + b"\xff" * (len(raw) - 100),
        lambda raw: raw[: len(raw) // 2],
        lambda raw: raw[:4096] + b"\xff" * (len(raw) - 4096),
    ],
    ids=["all but the header", "cut off", "all but the first page"],
)
async def test_a_corrupt_file_is_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    path = await made(tmp_path / "runs.db")
    path.write_bytes(damage(path.read_bytes()))
    assert "malformed; move it away" in await refusal(path)


@pytest.mark.usefixtures("impatient")
async def test_a_file_that_somebody_else_has_locked_is_refused(tmp_path: Path) -> None:
    path = await made(tmp_path / "runs.db")
    for lock in ("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE", "BEGIN IMMEDIATE"):
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in lock.split("; "):
                connection.execute(statement)
            assert "locked; stop the program that has it locked" in await refusal(path)
    async with file(path) as storage:
        assert (await claim_one(storage)).run_id == "a"


async def test_a_file_that_is_locked_for_a_moment_is_waited_for(tmp_path: Path) -> None:
    path = await made(tmp_path / "runs.db")
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        asyncio.get_running_loop().run_in_executor(None, _release, connection)
        async with file(path) as storage:
            assert (await claim_one(storage)).run_id == "a"


def _release(connection: sqlite3.Connection) -> None:
    time.sleep(0.2)  # the moment itself
    connection.execute("ROLLBACK")


@pytest.fixture
def guarded() -> Iterator[Path]:
    """A folder of a user who is not root, since root may write to read-only files."""
    user = os.geteuid()
    with TemporaryDirectory() as folder, TemporaryDirectory() as warm:
        with closing(sqlite3.connect(Path(warm) / "warm.db")):
            pass
        Path(folder).chmod(0o777)
        if user == 0:
            os.seteuid(65534)
        try:
            yield Path(folder)
        finally:
            os.seteuid(user)


async def test_a_file_that_may_not_be_written_is_refused(guarded: Path) -> None:
    path = await made(guarded / "runs.db")
    path.chmod(0o444)
    assert "readonly database; see that file and folder may be written" in await refusal(path)


async def test_a_file_in_a_folder_that_may_not_be_written_is_refused(guarded: Path) -> None:
    folder = guarded / "folder"
    folder.mkdir()
    path = await made(folder / "runs.db")
    folder.chmod(0o555)
    try:
        for name in (path, folder / "new.db"):
            assert "may be written" in await refusal(name)
    finally:
        folder.chmod(0o755)


async def test_a_lock_that_may_not_be_written_is_refused(guarded: Path) -> None:
    path = await made(guarded / "runs.db")
    path.with_name("runs.db.lock").chmod(0o444)
    with pytest.raises(ConfigError, match=r"runs\.db\.lock: cannot be opened: Permission denied; see"):
        await open_file(path)


@pytest.mark.parametrize("uri", ["sqlite:", "sqlite://", "sqlite:///", "sqlite://runs.db", "sqlite:///:memory:"])
async def test_an_address_without_a_file_is_refused(uri: str) -> None:
    with pytest.raises(ConfigError, match=r"name a file, such as sqlite:///\.treadle/runs\.db; or use memory://"):
        await store(uri, Clock())


async def test_folders_on_the_way_to_the_file_are_made_unless_a_file_is_in_the_way(tmp_path: Path) -> None:
    await made(tmp_path / "one" / "two" / "runs.db")
    with pytest.raises(ConfigError, match=r"runs\.db: cannot be made: .*; name another in DATABASE_URI"):
        await open_file(tmp_path / "one" / "two" / "runs.db" / "runs.db")


async def test_processes_that_make_the_file_at_the_same_moment_all_have_it(tmp_path: Path) -> None:
    """They are threads here, each with an event loop of its own; their locks work as those of processes do."""

    def come(number: int) -> str:
        async def add() -> None:
            async with file(tmp_path / "runs.db") as storage:
                await storage.runs.add([record(f"run {number}")])

        asyncio.run(add())
        return f"run {number}"

    added = await asyncio.gather(*(asyncio.to_thread(come, number) for number in range(6)))
    async with file(tmp_path / "runs.db") as storage:
        assert sorted(run.run_id for run in await storage.runs.find()) == sorted(added)


async def test_the_default_folder_keeps_itself_out_of_a_repository(tmp_path: Path) -> None:
    await made(tmp_path / ".treadle" / "runs.db")
    ignored = tmp_path / ".treadle" / ".gitignore"
    assert "*" in ignored.read_text().splitlines()
    ignored.write_text("an author's own\n")
    await open_file(tmp_path / ".treadle" / "runs.db")
    assert ignored.read_text() == "an author's own\n"


async def test_another_folder_is_left_as_it_is(tmp_path: Path) -> None:
    file = await made(tmp_path / "state" / "runs.db")
    assert not file.with_name(".gitignore").exists()
