"""Checkpoints in a PostgreSQL database: what its JSON cannot hold, lost connections, processes that start at once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from math import inf, nan
from typing import Any, TypedDict
from uuid import uuid4

import psycopg
import pytest
from langgraph.checkpoint.base import empty_checkpoint
from langgraph.graph import START, StateGraph
from psycopg.sql import SQL, Identifier

from tests.databases import POSTGRES, a_schema, needs_postgres
from treadle.errors import StorageUnavailable
from treadle.graphs.checkpointers import MemorySavers, open_savers
from treadle.graphs.event_loops import GraphLoop
from treadle.graphs.postgres.savers import PostgresSavers
from treadle.storage.contract.store import DatabaseSchema

pytestmark = [pytest.mark.anyio, needs_postgres]
TABLES = ("checkpoints", "checkpoint_writes", "checkpoint_blobs")


@pytest.fixture
async def place() -> AsyncIterator[DatabaseSchema]:
    with a_schema() as name:
        yield DatabaseSchema(POSTGRES or "", name, 3, 30)


@pytest.fixture
async def savers(place: DatabaseSchema) -> AsyncIterator[PostgresSavers]:
    opened = open_savers(place)
    assert isinstance(opened, PostgresSavers)
    yield opened
    await opened.close()


class State(TypedDict):
    value: Any


def graph(checkpointer: Any) -> Any:
    builder = StateGraph(State)
    builder.add_node("keep", lambda state: {"value": state["value"]})
    builder.add_edge(START, "keep")
    return builder.compile(checkpointer=checkpointer)


def on(thread_id: str, **keys: Any) -> Any:
    return {"configurable": {"thread_id": thread_id, **keys}}


def counts(place: DatabaseSchema) -> list[int]:
    """The rows of each table."""
    with psycopg.connect(place.uri) as connection:
        queries = (SQL("SELECT count(*) FROM {}").format(Identifier(place.name, table)) for table in TABLES)
        return [row[0] for row in (connection.execute(query).fetchone() for query in queries) if row is not None]


class Word(str):
    """A text of a class of its own."""


ODD = {
    "NUL": "a\0b",
    "half of a character": "\ud800",
    "no text": "",
    "a class of its own": Word("a"),
    "NaN": nan,
    "infinite": inf,
    "with an exponent": 1e22,
    "huge": 1e300,
    "negative zero": -0.0,
    "whole": 1.0,
    "long": 2**70,
    "true": True,
    "none": None,
    "inside": ["\0", 1e22],
}


@pytest.mark.parametrize("value", ODD.values(), ids=list(ODD))
async def test_values_come_back_as_they_do_from_memory(savers: PostgresSavers, value: Any) -> None:
    found = []
    for each in (MemorySavers(), savers):
        made = graph(await each.here())
        await made.ainvoke({"value": value}, on("thread"))
        found.append((await made.aget_state(on("thread"))).values["value"])
    assert type(found[1]) is type(found[0])
    assert repr(found[1]) == repr(found[0])


async def test_metadata_that_json_in_the_database_cannot_hold_is_cleaned(savers: PostgresSavers) -> None:
    saver = await savers.here()
    metadata: Any = {"source": "input", "step": 1, "parents": {}, "a\0": {"b": ["\0c", nan, "\ud800"]}}
    await saver.aput(on("thread", checkpoint_ns="", user="x\0"), empty_checkpoint(), metadata, {})
    found = await saver.aget_tuple(on("thread"))
    assert found is not None
    assert found.metadata == {"source": "input", "step": 1, "parents": {}, "a": {"b": ["c", None, ""]}, "user": "x"}


async def test_values_without_a_version_are_kept_and_leave_no_version(savers: PostgresSavers) -> None:
    """Encrypted values are all in one, which is no channel of the graph's."""
    saver = await savers.here()
    checkpoint = {**empty_checkpoint(), "channel_values": {"all": b"sealed"}}
    await saver.aput(on("thread", checkpoint_ns=""), checkpoint, {}, {})  # type: ignore[arg-type]
    found = await saver.aget_tuple(on("thread"))
    assert found is not None
    assert (found.checkpoint["channel_values"], found.checkpoint["channel_versions"]) == ({"all": b"sealed"}, {})


async def test_what_only_deleted_checkpoints_had_leaves_the_database(
    savers: PostgresSavers, place: DatabaseSchema
) -> None:
    made = graph(await savers.here())
    for run_id in ("one", "two", "three"):
        await made.ainvoke({"value": [run_id]}, on("thread", run_id=run_id))
    before = counts(place)
    await savers.delete_of_run("thread", "three")
    assert (await made.aget_state(on("thread"))).values == {"value": ["two"]}
    after = counts(place)
    assert all(0 < left < was for left, was in zip(after, before, strict=True)), (before, after)
    await savers.keep_latest("thread")
    pruned = counts(place)
    assert pruned[0] == 1 and pruned[2] < after[2]
    assert (await made.aget_state(on("thread"))).values == {"value": ["two"]}
    for run_id in ("one", "two"):
        await savers.delete_of_run("thread", run_id)
    assert counts(place) == [0, 0, 0]


async def test_connections_that_were_lost_are_made_anew(savers: PostgresSavers, place: DatabaseSchema) -> None:
    made = graph(await savers.here())

    async def runs(number: int) -> None:
        threads = (str(uuid4()) for _ in range(number))
        await asyncio.gather(*(made.ainvoke({"value": [1]}, on(thread_id)) for thread_id in threads))

    await runs(20)
    pool = (await savers._at_home()).pool
    assert pool.get_stats()["pool_size"] == place.connections
    with psycopg.connect(place.uri) as connection:
        for held in list(pool._pool):
            connection.execute("SELECT pg_terminate_backend(%s)", (held.info.backend_pid,))
    await runs(20)


async def test_a_server_that_is_not_there_is_unavailable_and_may_be_there_later(place: DatabaseSchema) -> None:
    nowhere = DatabaseSchema("postgresql://nobody@127.0.0.1:9/none", place.name, 2, 30)
    savers = PostgresSavers(nowhere)
    with pytest.raises(StorageUnavailable):
        await savers.here()
    savers.place = place
    assert await (await savers.here()).aget_tuple(on("thread")) is None
    await savers.close()


async def test_a_statement_that_takes_too_long_is_given_up(place: DatabaseSchema) -> None:
    savers = PostgresSavers(replace(place, timeout=1))
    saver = await savers.here()
    async with await psycopg.AsyncConnection.connect(place.uri) as other:
        await other.execute(SQL("LOCK TABLE {}").format(Identifier(place.name, "checkpoints")))
        with pytest.raises(StorageUnavailable, match="statement timeout"):
            await saver.aget_tuple(on("thread"))
        with pytest.raises(StorageUnavailable, match="statement timeout"):
            await savers.delete_of_run("thread", "run")
    assert await saver.aget_tuple(on("thread")) is None
    await savers.close()


async def test_processes_may_start_at_once(place: DatabaseSchema) -> None:
    started = [PostgresSavers(place) for _ in range(12)]
    opened = await asyncio.gather(*(savers.here() for savers in started))
    assert [await saver.aget_tuple(on("thread")) for saver in opened] == [None] * 12
    await asyncio.gather(*(savers.close() for savers in started))


async def test_other_loops_use_the_connections_of_the_home_loop(place: DatabaseSchema) -> None:
    """Async nodes, and plain ones, which run subgraphs with the synchronous methods."""
    nodes = ThreadPoolExecutor(4)
    loops = [GraphLoop(nodes, "") for _ in range(3)]
    for loop in loops:
        loop.start()
    savers = PostgresSavers(place, None, loops[0])

    async def run(thread_id: str) -> Any:
        saver = await savers.here()
        made = graph(saver)
        await made.ainvoke({"value": [thread_id]}, on(thread_id, run_id="run"))
        found = await asyncio.to_thread(made.get_state, on(thread_id))
        await savers.delete_of_run(thread_id, "run")
        return found.values, await saver.aget_tuple(on(thread_id))

    try:
        for loop in loops:
            assert await loop.call(lambda: run("thread")) == ({"value": ["thread"]}, None)
        assert await run("here") == ({"value": ["here"]}, None)
    finally:
        await savers.close()
        for loop in loops:
            loop.stop()
        nodes.shutdown()
