"""Checkpoints that go with the store: those of one run can be deleted, and those of others on its thread stay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from operator import add
from pathlib import Path
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.graph import START, StateGraph

from treadle.graphs.checkpointers import Savers, open_savers

pytestmark = pytest.mark.anyio


class State(TypedDict):
    said: Annotated[list[str], add]


@pytest.fixture(params=["memory", "sqlite"])
async def savers(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Savers]:
    """Checkpointers of every kind."""
    opened = open_savers(tmp_path / "checkpoints.db" if request.param == "sqlite" else None)
    yield opened
    await opened.close()


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
