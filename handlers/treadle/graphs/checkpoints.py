"""Checkpoints of kept threads, read and deleted on the graphs' event loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.types import Interrupt

from treadle.encoding import encode
from treadle.errors import StorageUnavailable
from treadle.graphs.checkpointers import Savers
from treadle.graphs.factories import Access, GraphRequest
from treadle.graphs.loading import AnyPregel, Graphs, copied
from treadle.graphs.stores import Stores
from treadle.storage.contract.threads import ThreadState


@dataclass(frozen=True, slots=True)
class OpenGraphs:
    """Opens graphs for runs and for reading states. Used on the graphs' event loops only."""

    graphs: Graphs
    savers: Savers
    stores: Stores

    @asynccontextmanager
    async def open(
        self, graph_id: str, config: RunnableConfig, *, access: Access, context: Any = None, keeping: bool = False
    ) -> AsyncIterator[AnyPregel]:
        """The graph with the store and, if it is to keep its thread, with the checkpointer.

        `access` and `context`, that of the run, are for factories.
        """
        request = GraphRequest(config, await self.stores.here(), access, context)
        async with self.graphs.open(graph_id, request) as graph:
            yield copied(graph, checkpointer=await self.savers.here()) if keeping else graph

    async def start(self) -> None:
        """Open the author's own checkpointer and store. Raises GraphError if one cannot be opened."""
        await self.stores.start()
        await self.savers.start()

    async def close(self) -> None:
        """Close checkpointers and store. Called while the loops still run."""
        await self.savers.close()
        await self.stores.close()


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The checkpoints of kept threads. Used on the graphs' event loops only."""

    savers: Savers

    async def reach(self) -> None:
        """Return if checkpoints can be read and written. Raises CheckpointsUnavailable (503)."""
        await self.savers.here()

    async def exist(self, thread_id: str) -> bool:
        """Whether there is a checkpoint of the thread."""
        address: RunnableConfig = {"configurable": {"thread_id": thread_id, "checkpoint_ns": ""}}
        return await (await self.savers.here()).aget_tuple(address) is not None

    async def delete(self, thread_id: str, *, run_id: str | None = None) -> None:
        """Delete the checkpoints of a thread, or only those that one run wrote. Raises StorageUnavailable (503)."""
        with _changing(thread_id, "deleted"):
            if run_id is None:
                await (await self.savers.here()).adelete_thread(thread_id)
            else:
                await self.savers.delete_of_run(thread_id, run_id)

    async def keep_latest(self, thread_id: str) -> None:
        """Delete the older checkpoints of a thread. Raises StorageUnavailable (503)."""
        with _changing(thread_id, "pruned"):
            await self.savers.keep_latest(thread_id)


@contextmanager
def _changing(thread_id: str, what: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # whatever the checkpointer and its driver raise
        reason = f"{type(error).__name__}: {error}".removesuffix(": ")
        raise StorageUnavailable(f"The checkpoints of thread {thread_id} cannot be {what}: {reason}") from error


def checkpoint_address(config: RunnableConfig | None) -> dict[str, Any] | None:
    """The API's address of the checkpoint that LangGraph names by `config`, which may hold more; None for none."""
    if config is None:
        return None
    # LangGraph echoes the config that it was asked with, and clients read the namespace of the root as well.
    configurable = {"checkpoint_ns": "", **config["configurable"]}
    keys = ("checkpoint_id", "thread_id", "checkpoint_ns", "checkpoint_map")
    return {key: configurable[key] for key in keys if configurable.get(key) is not None}


async def left_in_thread(graph: AnyPregel, thread_id: str) -> ThreadState:
    """The current state of a thread: `interrupted` if a node has yet to run, otherwise `idle`."""
    snapshot = await graph.aget_state(cast(RunnableConfig, {"configurable": {"thread_id": thread_id}}))
    open_interrupts = {task.id: stored_interrupts(task.interrupts) for task in snapshot.tasks if task.interrupts}
    return ThreadState(
        status="interrupted" if snapshot.next else "idle",
        values=encode(snapshot.values),
        interrupts=encode(open_interrupts),
    )


def stored_interrupts(interrupts: Sequence[Interrupt]) -> list[dict[str, Any]]:
    """Interrupts as a thread shows them: without `response_schema` (recorded)."""
    return [{"value": interrupt.value, "id": interrupt.id} for interrupt in interrupts]
