"""Checkpoints that go with the store: those of one run can be deleted, and those of others on its thread stay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.channels.delta import DeltaChannel
from langgraph.graph import START, StateGraph

from tests.databases import POSTGRES_PARAM
from tests.storage.places import places
from treadle.graphs.checkpointers import MemorySavers, Savers, open_savers

pytestmark = pytest.mark.anyio


class State(TypedDict):
    said: Annotated[list[str], add]


@pytest.fixture(params=["memory", "sqlite", POSTGRES_PARAM])
async def savers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Savers]:
    """Checkpointers of every kind."""
    with places(request.param, tmp_path / "checkpoints.db") as place:
        opened = open_savers(place)
        yield opened
        await opened.close()


def added(said: list[str], changes: list[list[str]]) -> list[str]:
    return said + [each for change in changes for each in change]


class Changes(TypedDict):
    said: Annotated[list[str], DeltaChannel(added, snapshot_frequency=3)]


class Threads:
    """A graph that remembers its messages, run on threads."""

    def __init__(self, checkpointer: Any) -> None:
        inner = StateGraph(State)
        inner.add_node("answer", lambda state: {"said": [state["said"][-1].upper()]})
        inner.add_edge(START, "answer")
        builder = StateGraph(State)
        builder.add_node("inner", inner.compile(checkpointer=True))
        builder.add_edge(START, "inner")
        self._graph = builder.compile(checkpointer=checkpointer)

    async def run(self, thread_id: str, run_id: str) -> None:
        await self._graph.ainvoke({"said": [run_id]}, {"configurable": {"thread_id": thread_id, "run_id": run_id}})

    async def history(self, thread_id: str) -> list[list[str]]:
        """The messages of each checkpoint, the newest first."""
        states = self._graph.aget_state_history({"configurable": {"thread_id": thread_id}})
        return [list(state.values.get("said", [])) async for state in states]

    async def said(self, thread_id: str) -> list[str]:
        state = await self._graph.aget_state({"configurable": {"thread_id": thread_id}})
        return list(state.values.get("said", []))

    async def namespaces(self, thread_id: str) -> set[str]:
        found = self._graph.checkpointer.alist({"configurable": {"thread_id": thread_id}})  # type: ignore[union-attr]
        return {each.config["configurable"]["checkpoint_ns"] async for each in found}


async def test_the_checkpoints_of_a_run_go_and_those_before_it_stay(savers: Savers) -> None:
    threads = Threads(await savers.here())
    await threads.run("thread", "one")
    after_one = await threads.said("thread")
    for thread_id in ("thread", "other"):
        await threads.run(thread_id, "two")
    assert "two" in await threads.said("thread")
    await savers.delete_of_run("thread", "two")
    assert await threads.said("thread") == after_one != []
    assert "two" in await threads.said("other")


async def test_nothing_is_left_when_the_only_run_goes(savers: Savers) -> None:
    threads = Threads(await savers.here())
    await threads.run("thread", "one")
    assert len(await threads.namespaces("thread")) == 2
    await savers.delete_of_run("thread", "one")
    assert await threads.said("thread") == []
    assert await threads.namespaces("thread") == set()


async def test_a_run_or_a_thread_without_checkpoints_is_nothing_to_delete(savers: Savers) -> None:
    threads = Threads(await savers.here())
    await threads.run("thread", "one")
    await savers.delete_of_run("thread", "another")
    await savers.delete_of_run("another", "one")
    assert await threads.said("thread") != []


async def test_a_write_without_a_checkpoint_goes_with_the_last_one(tmp_path: Path) -> None:
    savers = open_savers(tmp_path / "checkpoints.db")
    saver: Any = await savers.here()
    threads = Threads(saver)
    await threads.run("thread", "one")
    nowhere = {"configurable": {"thread_id": "thread", "checkpoint_ns": "", "checkpoint_id": "never saved"}}
    await saver.aput_writes(nowhere, [("said", ["x"])], "task")
    await savers.delete_of_run("thread", "another")
    left = "SELECT count(*) FROM writes WHERE checkpoint_id = 'never saved'"
    assert (await (await saver.conn.execute(left)).fetchone())[0] == 1
    await savers.delete_of_run("thread", "one")
    assert (await (await saver.conn.execute(left)).fetchone())[0] == 0
    await savers.close()


async def test_the_latest_checkpoint_of_each_namespace_is_kept(savers: Savers) -> None:
    threads = Threads(await savers.here())
    for thread_id in ("thread", "other"):
        await threads.run(thread_id, "one")
        await threads.run(thread_id, "two")
    before = await threads.history("other")
    assert len(before) > 3
    await savers.keep_latest("thread")
    assert await threads.history("thread") == before[:1]
    assert await threads.history("other") == before
    assert await threads.namespaces("thread") == await threads.namespaces("other")
    await threads.run("thread", "three")
    assert (await threads.said("thread"))[: len(before[0])] == before[0]


async def test_a_thread_without_checkpoints_has_none_to_keep(savers: Savers) -> None:
    await savers.keep_latest("thread")
    assert await Threads(await savers.here()).history("thread") == []


async def test_the_checkpoints_that_a_channel_of_changes_is_made_from_are_kept(savers: Savers) -> None:
    """Such a channel has its whole value in every third checkpoint only."""

    builder = StateGraph(Changes)
    builder.add_node("answer", lambda state: {"said": [str(len(state["said"]))]})
    builder.add_edge(START, "answer")
    graph = builder.compile(checkpointer=await savers.here())
    config: Any = {"configurable": {"thread_id": "thread"}}
    for number in range(8):
        await graph.ainvoke({"said": ["in"]}, config)
        said = (await graph.aget_state(config)).values["said"]
        before = [each async for each in graph.aget_state_history(config)]
        await savers.keep_latest("thread")
        after = [each async for each in graph.aget_state_history(config)]
        assert len(after) <= 5, number
        assert after == before[: len(after)]
        assert (await graph.aget_state(config)).values["said"] == said
    assert len(said) == 16


async def test_what_only_older_checkpoints_had_leaves_memory() -> None:
    savers = MemorySavers()
    threads = Threads(savers.saver)
    for number in range(5):
        await threads.run("thread", str(number))
    before = len(savers.saver.blobs)
    await savers.keep_latest("thread")
    assert len(savers.saver.blobs) < before / 2
    places = {(namespace, each) for namespace, found in savers.saver.storage["thread"].items() for each in found}
    assert {place[1:] for place in savers.saver.writes} <= places
