"""The store that graphs keep items in: LangGraph's own, made usable from any thread and event loop."""

from __future__ import annotations

import asyncio
from abc import abstractmethod
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from typing import cast

from langgraph.store.base import BaseStore, Op, PutOp, Result, SearchItem, SearchOp, TTLConfig

from treadle.graphs.item_index import Index, Vectors
from treadle.storage.contract.store import DatabaseSchema, Place

# The most vectors that one item has: so many rows of a search may be about the same item.
MOST_VECTORS = "SELECT coalesce(max(n), 1) FROM (SELECT count(*) AS n FROM store_vectors GROUP BY prefix, key) AS items"


class ItemStore(BaseStore):
    """Items that processes share, or in memory. All its methods may be called on any thread and event loop.

    An item whose lifetime is over is gone at the next read. Values are JSON objects.
    """

    supports_ttl = True

    def __init__(self, index: Index | None, ttl: TTLConfig | None, *, threads: int) -> None:
        # Without lifetimes in the configuration, reading renews none: each read would have to write.
        self.ttl_config = ttl or {"refresh_on_read": False}
        self.indexed = index is not None
        self._index = index
        self._calls = ThreadPoolExecutor(threads, "treadle-items")

    def start(self) -> None:
        """Look whether items can be indexed as configured. Raises GraphError. The store opens when it is first used."""

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry the operations out: reads first, then writes in one transaction. Embeds before it locks anything."""
        ops = list(ops)
        return self._carry_out(ops, self._index.embed(self._index.texts(ops)) if self._index else {})

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """As `batch`, without blocking the event loop."""
        # Copied: the caller may change a value before it is written.
        ops = [op._replace(value=deepcopy(op.value)) if isinstance(op, PutOp) else op for op in ops]
        vectors = await self._index.aembed(self._index.texts(ops)) if self._index else {}
        return await asyncio.get_running_loop().run_in_executor(self._calls, self._carry_out, ops, vectors)

    @abstractmethod
    def sweep(self) -> None:
        """Delete the items whose lifetime is over, if the store has been used."""

    def close(self) -> None:
        """Close files and connections; items in memory are gone."""
        self._calls.shutdown(wait=True, cancel_futures=True)
        self._close()

    def _carry_out(self, ops: Sequence[Op], vectors: Vectors) -> list[Result]:
        results: list[Result] = [None] * len(ops)
        # Writes are a transaction of their own: an error in one of them undoes them all.
        for writing in (False, True):
            part = [(number, op) for number, op in enumerate(ops) if isinstance(op, PutOp) is writing]
            if part:
                found = self._at_once([op for _, op in part], vectors)
                for (number, _), result in zip(part, found, strict=True):
                    results[number] = result
        return results

    @abstractmethod
    def _at_once(self, ops: list[Op], vectors: Vectors) -> list[Result]:
        """The results of operations that all read or all write, in one transaction."""

    @abstractmethod
    def _close(self) -> None:
        """Close files and connections."""


def whole(op: Op, most: int) -> Op:
    """A search by meaning for all pages up to the one that is asked for: LangGraph's own takes the page from the best
    few. `most`: how many vectors an item may have, each of which is a row of the search.
    """
    return op._replace(limit=(op.limit + op.offset) * most, offset=0) if isinstance(op, SearchOp) and op.query else op


def page(op: Op, result: Result) -> Result:
    """Cut the page that `op` asks for out of the result of `whole(op)`. Other results stay as they are."""
    if isinstance(op, SearchOp) and op.query:
        return cast(list[SearchItem], result)[op.offset : op.offset + op.limit]
    return result


def open_items(place: Place, index: Index | None = None, ttl: TTLConfig | None = None) -> ItemStore:
    """The store in an SQLite file, which is made when the store is first used, in a schema, or in memory."""
    if isinstance(place, DatabaseSchema):
        from treadle.graphs.postgres.items import PostgresItems

        return PostgresItems(place, index, ttl)
    from treadle.graphs.sqlite_items import SqliteItems

    return SqliteItems(place, index, ttl)
