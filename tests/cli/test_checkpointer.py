"""The section `checkpointer` of `langgraph.json`: what is wrong with it is one line at the start."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import check_refusal, invoke, treadle
from tests.cli.projects import project
from tests.live import GRAPHS

SAVERS = """
import asyncio
import sqlite3
from contextlib import asynccontextmanager, contextmanager
from threading import Timer
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.store.memory import InMemoryStore

number = 5
fine = InMemorySaver()
synchronous = SqliteSaver(sqlite3.connect(":memory:", check_same_thread=False))
def opening(): return SqliteSaver.from_conn_string(":memory:")
def making(): return synchronous
class Other: pass
class Needing:
    def __init__(self, place): pass
def failing(): raise ValueError("no such place")
async def late(): raise ConnectionError("no database")
async def behind():
    Timer(0.1, asyncio.get_running_loop().call_soon_threadsafe, [int]).start()
    raise ConnectionError("its thread ends later")
def leaving(): raise SystemExit("no")
async def giving_up(): raise asyncio.CancelledError
def nothing(): return None
def counting(): return 5
def store(): return InMemoryStore()
def itself(): return InMemorySaver
def asking(config): return InMemorySaver()
async def generating(): yield InMemorySaver()
@asynccontextmanager
async def entering():
    raise OSError("the door is locked")
    yield
@contextmanager
def empty(): yield None
@asynccontextmanager
async def counted(): yield 5
class Unreadable(InMemorySaver):
    async def aget_tuple(self, config): raise ConnectionError("no such table")
def nowhere(): return AsyncSqliteSaver.from_conn_string("/nowhere/at/all.db")
"""
BROKEN = "raise RuntimeError('no key')\n"
EXPECTED = "TypeError: expected a BaseCheckpointSaver of LangGraph, and not a "
NO_ASYNC = "TypeError: SqliteSaver has no async methods; name one that has them"


def with_checkpointer(folder: Path, checkpointer: Any) -> Path:
    graphs = {"graph": "./graph.py:graph"}
    return project(folder, {"graphs": graphs, "checkpointer": checkpointer}, savers=SAVERS, broken=BROKEN)


def check_start(config: Path, *said: str) -> None:
    check_refusal(invoke("run", "graph", "--config", config, "--input", "-", given="{}"), str(config), *said)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("./none.py:saver", "FileNotFoundError"),
        ("no_such_module:saver", "ModuleNotFoundError"),
        ("./broken.py:saver", "RuntimeError: no key"),
        ("./savers.py:missing", "AttributeError"),
        ("./savers.py:number", f"{EXPECTED}int"),
        ("./savers.py:counting", f"{EXPECTED}int"),
        ("./savers.py:counted", f"{EXPECTED}int"),
        ("./savers.py:nothing", f"{EXPECTED}NoneType"),
        ("./savers.py:empty", f"{EXPECTED}NoneType"),
        ("./savers.py:store", f"{EXPECTED}InMemoryStore"),
        ("./savers.py:Other", f"{EXPECTED}Other"),
        ("./savers.py:itself", EXPECTED),
        ("./savers.py:generating", EXPECTED),
        ("./savers.py:Needing", "TypeError"),
        ("./savers.py:asking", "TypeError"),
        ("./savers.py:failing", "ValueError: no such place"),
        ("./savers.py:late", "ConnectionError: no database"),
        ("./savers.py:behind", "ConnectionError: its thread ends later"),
        ("./savers.py:leaving", "SystemExit"),
        ("./savers.py:giving_up", "CancelledError"),
        ("./savers.py:entering", "OSError: the door is locked"),
        ("./savers.py:nowhere", "OperationalError: unable to open database file"),
        ("./savers.py:Unreadable", "ConnectionError: no such table"),
        ("./savers.py:synchronous", NO_ASYNC),
        ("./savers.py:making", NO_ASYNC),
        ("./savers.py:opening", NO_ASYNC),
    ],
)
def test_a_path_that_gives_no_checkpointer_is_named(tmp_path: Path, path: str, said: str) -> None:
    check_start(with_checkpointer(tmp_path, {"path": path}), f": checkpointer.path ({path}): ", said)


@pytest.mark.parametrize(
    ("checkpointer", "said"),
    [
        ("memory", '"checkpointer" must be an object'),
        ([], '"checkpointer" must be an object'),
        ({"path": 5}, "checkpointer.path must be"),
        ({"path": ""}, "checkpointer.path must be"),
        ({"path": []}, "checkpointer.path must be"),
        ({"path": "./savers.py"}, "checkpointer.path must be"),
        ({"path": "./savers.py:"}, "checkpointer.path must be"),
        ({"serde": 5}, "checkpointer.serde must be an object"),
        ({"serde": []}, "checkpointer.serde must be an object"),
        ({"serde": {"pickle_fallback": 1}}, "checkpointer.serde.pickle_fallback must be true or false, and not 1"),
        ({"serde": {"pickle_fallback": None}}, "checkpointer.serde.pickle_fallback must be"),
        ({"serde": {"pickle_fallback": "false"}}, "checkpointer.serde.pickle_fallback must be"),
        ({"serde": {"allowed_msgpack_modules": False}}, "checkpointer.serde.allowed_msgpack_modules must be"),
        ({"serde": {"allowed_msgpack_modules": 1}}, "checkpointer.serde.allowed_msgpack_modules must be"),
        ({"serde": {"allowed_msgpack_modules": "true"}}, "checkpointer.serde.allowed_msgpack_modules must be"),
        ({"serde": {"allowed_msgpack_modules": {}}}, "checkpointer.serde.allowed_msgpack_modules must be"),
        ({"serde": {"allowed_msgpack_modules": ["a"]}}, "checkpointer.serde.allowed_msgpack_modules must be"),
        ({"serde": {"allowed_msgpack_modules": [[]]}}, "checkpointer.serde.allowed_msgpack_modules must be"),
        ({"serde": {"allowed_msgpack_modules": [["a", 5]]}}, "checkpointer.serde.allowed_msgpack_modules must be"),
        ({"serde": {"allowed_json_modules": "a"}}, "checkpointer.serde.allowed_json_modules must be"),
        ({"ttl": 5}, "checkpointer.ttl must be an object"),
        ({"ttl": []}, "checkpointer.ttl must be an object"),
        (
            {"ttl": {"strategy": "archive"}},
            'checkpointer.ttl.strategy must be delete or keep_latest, and not "archive"',
        ),
        ({"ttl": {"strategy": 5}}, "checkpointer.ttl.strategy must be"),
        ({"ttl": {"strategy": ["delete"]}}, "checkpointer.ttl.strategy must be"),
        ({"ttl": {"strategy": {}}}, "checkpointer.ttl.strategy must be"),
    ],
    ids=json.dumps,
)
def test_a_section_that_cannot_be_used_is_refused(tmp_path: Path, checkpointer: Any, said: str) -> None:
    check_start(with_checkpointer(tmp_path, checkpointer), said)


@pytest.mark.parametrize("minutes", ["long", -1, True, []], ids=json.dumps)
def test_a_lifetime_that_is_none_is_named_by_its_key(tmp_path: Path, minutes: Any) -> None:
    config = with_checkpointer(tmp_path, {"ttl": {"default_ttl": minutes}})
    refusal = treadle("run", "graph", "--config", config, "--input", "-", given="{}")  # its own environment
    check_refusal(refusal, f"{config}: checkpointer.ttl.default_ttl must be a number of minutes above 0")


@pytest.mark.parametrize(
    "ttl",
    [{}, {"strategy": "delete"}, {"strategy": "keep_latest", "default_ttl": 5, "sweep_interval_minutes": 1}],
    ids=str,
)
def test_lifetimes_are_taken_without_a_word(tmp_path: Path, ttl: Any) -> None:
    config = with_checkpointer(tmp_path, {"ttl": ttl})
    done = treadle("run", "graph", "--config", config, "--input", "-", given="{}")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("flags", [(), ("--workers", "2"), ("--role", "worker")], ids=lambda flags: " ".join(flags))
def test_a_server_does_not_start_without_it(tmp_path: Path, flags: tuple[str, ...]) -> None:
    config = with_checkpointer(tmp_path, {"path": "./savers.py:late"})
    refusal = treadle("serve", config, "--port", "0", *flags)
    check_refusal(refusal, "checkpointer.path (./savers.py:late): ConnectionError: no database")


@pytest.mark.parametrize("path", ["./savers.py:fine", "savers:fine"])
def test_a_run_of_the_command_line_is_not_kept(tmp_path: Path, path: str) -> None:
    config = with_checkpointer(tmp_path, {"path": path})
    done = treadle("run", "graph", "--config", config, "--input", "-", given="{}")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"said": "hello"})
    assert done.stderr == ""


STORE = """
from contextlib import asynccontextmanager
from pathlib import Path
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.store.memory import InMemoryStore

HERE = Path(__file__).parent

@asynccontextmanager
async def store():
    yield InMemoryStore()
    (HERE / "store closed").touch()

@asynccontextmanager
async def saver():
    yield InMemorySaver()
    (HERE / "saver closed").touch()
"""


@pytest.mark.parametrize(
    ("path", "code", "closed"),
    [("./savers.py:late", 2, ["store closed"]), ("./store.py:saver", 0, ["saver closed", "store closed"])],
)
def test_whatever_was_opened_is_closed(tmp_path: Path, path: str, code: int, closed: list[str]) -> None:
    document = {"graphs": {"graph": "./graph.py:graph"}, "checkpointer": {"path": path}}
    config = project(tmp_path, {**document, "store": {"path": "./store.py:store"}}, savers=SAVERS, store=STORE)
    done = invoke("run", "graph", "--config", config, "--input", "-", given="{}")
    assert done.returncode == code
    assert sorted(each.name for each in tmp_path.glob("* closed")) == closed


def test_a_serializer_of_the_authors_own_cannot_be_limited(tmp_path: Path) -> None:
    path = f"{GRAPHS.with_name('custom_savers.py')}:own_serializer"
    said = "its serde is a OwnSerializer, which checkpointer.serde cannot limit; remove that"
    check_start(with_checkpointer(tmp_path, {"path": path, "serde": {}}), said)
