"""Graphs that keep items in the store, in every way that LangGraph has for reaching it."""

from __future__ import annotations

import asyncio
import operator
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Annotated, Any

from langchain_core.embeddings import Embeddings
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_store
from langgraph.func import entrypoint, task
from langgraph.graph import START, StateGraph
from langgraph.pregel import Pregel
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.store.memory import InMemoryStore
from langgraph.store.sqlite import AsyncSqliteStore
from typing_extensions import TypedDict

SPACE = ("kept", "notes")


class Notes(TypedDict, total=False):
    """A note to keep, and what was kept before."""

    key: str
    note: Any
    found: Annotated[list[Any], operator.add]


def told(store: BaseStore | None, state: Notes) -> dict[str, Any]:
    """Keep the note; what was kept under its key before."""
    assert store is not None
    before = store.get(SPACE, state["key"])
    store.put(SPACE, state["key"], {"note": state["note"]})
    return {"found": [before and before.value["note"]]}


async def atold(store: BaseStore | None, state: Notes) -> dict[str, Any]:
    """As `told`, without blocking."""
    assert store is not None
    before = await store.aget(SPACE, state["key"])
    await store.aput(SPACE, state["key"], {"note": state["note"]})
    return {"found": [before and before.value["note"]]}


def by_runtime(state: Notes, runtime: Runtime[Any]) -> dict[str, Any]:
    return told(runtime.store, state)


async def by_runtime_awaited(state: Notes, runtime: Runtime[Any]) -> dict[str, Any]:
    return await atold(runtime.store, state)


async def by_runtime_blocking(state: Notes, runtime: Runtime[Any]) -> dict[str, Any]:
    return told(runtime.store, state)


def by_parameter(state: Notes, *, store: BaseStore) -> dict[str, Any]:
    return told(store, state)


async def by_get_store(state: Notes) -> dict[str, Any]:
    return await atold(get_store(), state)


def by_get_store_in_a_thread(state: Notes) -> dict[str, Any]:
    return told(get_store(), state)


def of(node: Any) -> Any:
    """A graph of one node."""
    return StateGraph(Notes).add_node("node", node).add_edge(START, "node").compile()


runtime = of(by_runtime)
awaited = of(by_runtime_awaited)
blocking = of(by_runtime_blocking)
parameter = of(by_parameter)
getting = of(by_get_store)
getting_in_a_thread = of(by_get_store_in_a_thread)
nested = of(of(by_get_store))


@task
async def keep(key: str, note: Any) -> Any:
    return (await atold(get_store(), {"key": key, "note": note}))["found"][0]


@entrypoint()
async def functional(given: dict[str, Any], *, store: BaseStore) -> dict[str, Any]:
    assert store is get_store()
    return {"found": [await keep(given["key"], given["note"])]}


async def factory(config: RunnableConfig) -> Pregel[Any, Any, Any, Any]:
    """A graph that knows what the store held when it was made."""
    before = await get_store().aget(SPACE, "made")
    await get_store().aput(SPACE, "made", {"note": config["configurable"]["run_id"]})

    def said(state: Notes) -> dict[str, Any]:
        return {"found": [before and before.value["note"]]}

    graph: Pregel[Any, Any, Any, Any] = of(said)
    return graph


own_items = InMemoryStore()
own = StateGraph(Notes).add_node("node", by_runtime).add_edge(START, "node").compile(store=own_items)


# Stores and embeddings of the author's own.

made: list[str] = []
"""What was made and closed, in order."""


@asynccontextmanager
async def opened() -> AsyncIterator[BaseStore]:
    made.append(f"opened on {id(asyncio.get_running_loop())}")
    yield InMemoryStore()
    made.append("closed")


@asynccontextmanager
async def loop_bound() -> AsyncIterator[BaseStore]:
    """A store that belongs to the event loop on which it was opened."""
    async with AsyncSqliteStore.from_conn_string(":memory:") as store:
        await store.setup()
        yield store


@contextmanager
def entered() -> Iterator[BaseStore]:
    yield InMemoryStore()


async def awaited_store() -> BaseStore:
    return InMemoryStore()


instance = InMemoryStore()


class Overridden(InMemoryStore):
    """A store whose class does more than carry out operations: it marks what it returns."""

    def get(self, *args: Any, **options: Any) -> Any:
        return marked(super().get(*args, **options))

    async def aget(self, *args: Any, **options: Any) -> Any:
        return marked(await super().aget(*args, **options))


def marked(item: Any) -> Any:
    if item is not None:
        item.value["note"] = f"marked {item.value['note']}"
    return item


def no_store() -> int:
    return 5


def failing() -> BaseStore:
    raise ValueError("no such place")


WORDS = ("sea", "hill", "town")


def embed(texts: Sequence[str]) -> list[list[float]]:
    """How often each word comes in a text."""
    return [[float(text.count(word)) for word in WORDS] for text in texts]


embedding_loops: set[asyncio.AbstractEventLoop] = set()
"""The event loops that `aembed` was called on."""


async def aembed(texts: Sequence[str]) -> list[list[float]]:
    embedding_loops.add(asyncio.get_running_loop())
    await asyncio.sleep(0)
    return embed(texts)


def embed_wrongly(texts: Sequence[str]) -> list[list[float]]:
    return [[1.0] for _ in texts]


class Words(Embeddings):
    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        return embed(texts)

    def embed_query(self, text: str) -> list[float]:
        return embed([text])[0]


words = Words()
