"""Items that are encrypted in the store of Treadle's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from copy import deepcopy
from typing import Any

from langgraph.store.base import BaseStore, Item, Op, PutOp, Result

from treadle.encryption.current import current_context
from treadle.encryption.sealing import Sealing, each
from treadle.graphs.items import ItemStore
from treadle.graphs.sealed_values import SealedValue
from treadle.graphs.stores import OwnStores, Stores

Json = dict[str, Any]


class EncryptedItems(BaseStore):
    """Seals and opens the values of items. Searches compare sealed values. Vectors come from plain values."""

    supports_ttl = True

    def __init__(self, inner: ItemStore, sealing: Sealing) -> None:
        self._inner = inner
        self._sealing = sealing
        self.ttl_config = inner.ttl_config

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """As `abatch`, for synchronous nodes."""
        given, context = list(ops), current_context() or {}
        waited = self._sealing.handlers.from_thread
        results = self._inner.batch(waited(lambda: self._all_sealed(context, given)))
        return waited(lambda: each(self._opened, results))

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Carry the operations out."""
        given, context = list(ops), current_context() or {}
        sealed = await self._sealing.here(lambda: self._all_sealed(context, given))
        results = await self._inner.abatch(sealed)
        return await self._sealing.here(lambda: each(self._opened, results))

    # On the home loop.

    async def _all_sealed(self, context: Json, ops: Sequence[Op]) -> list[Op]:
        async def sealed(op: Op) -> Op:
            if not isinstance(op, PutOp) or op.value is None:
                return op
            plain = deepcopy(dict(op.value))  # the caller may change it before it is written
            return op._replace(value=SealedValue(await self._sealing.json(context, "store", "value", plain), plain))

        return await each(sealed, ops)

    async def _opened(self, result: Result) -> Result:
        if isinstance(result, Item):
            result.value = await self._sealing.open_json("store", "value", result.value)
        elif isinstance(result, list):
            await asyncio.gather(*(self._opened(item) for item in result if isinstance(item, Item)))
        return result


class EncryptedStores(OwnStores):
    """Treadle's own store, behind one that seals and opens."""

    def __init__(self, items: ItemStore, sweep_period: float, sealing: Sealing) -> None:
        super().__init__(items, sweep_period)
        self._encrypted = EncryptedItems(items, sealing)

    async def here(self) -> BaseStore:
        return self._encrypted


def encrypted(stores: Stores, sealing: Sealing) -> Stores:
    """The store that encrypts, if it is Treadle's own: one of the author's keeps its items as it likes."""
    return EncryptedStores(stores.items, stores.sweep_period, sealing) if isinstance(stores, OwnStores) else stores
