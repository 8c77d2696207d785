"""The items of the store, as clients read and write them."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from langgraph.store.base import NOT_PROVIDED, BaseStore, InvalidNamespaceError, Item, NotProvided, SearchItem

from treadle.errors import InvalidRequest, StorageUnavailable
from treadle.graphs.stores import Stores
from treadle_api import results

Json = dict[str, Any]


class Items:
    """The items of the store. Methods raise InvalidRequest (422) for what it cannot hold, StorageUnavailable (503)."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self.indexed = stores.indexed
        """Whether items are indexed for semantic search."""

    async def put(
        self,
        namespace: Sequence[str],
        key: str,
        value: Json,
        *,
        index: bool | list[str] | None,
        ttl: float | NotProvided | None = NOT_PROVIDED,
    ) -> None:
        """Store an item, in place of the one that has its key."""
        async with self._store("value") as store:
            if ttl not in (NOT_PROVIDED, None) and not store.supports_ttl:
                raise InvalidRequest("ttl: the items of this store have no lifetimes")
            await store.aput(tuple(namespace), key, value, index=index, ttl=ttl)  # type: ignore[arg-type]

    async def get(self, namespace: Sequence[str], key: str, *, refresh_ttl: bool | None) -> results.Item | None:
        """The item, or None; `refresh_ttl`: whether its lifetime begins anew, None as configured."""
        async with self._store("key") as store:
            item = await store.aget(tuple(namespace), key, refresh_ttl=refresh_ttl)
        return None if item is None else _view(item)

    async def delete(self, namespace: Sequence[str], key: str) -> None:
        """Delete the item, if there is one."""
        async with self._store("key") as store:
            await store.adelete(tuple(namespace), key)

    async def search(
        self,
        prefix: Sequence[str],
        *,
        query: str | None,
        filter: Json | None,
        limit: int,
        offset: int,
        refresh_ttl: bool | None,
    ) -> list[results.FoundItem]:
        """A page of the items below a namespace: the nearest to the query first, or else those changed last."""
        async with self._store("filter") as store:
            found = await store.asearch(
                tuple(prefix), query=query, filter=filter, limit=limit, offset=offset, refresh_ttl=refresh_ttl
            )
        return [_found(item) for item in found]

    async def namespaces(
        self, *, prefix: Sequence[str], suffix: Sequence[str], max_depth: int | None, limit: int, offset: int
    ) -> list[list[str]]:
        """A page of the namespaces that have items, in alphabetical order, cut to `max_depth` parts."""
        async with self._store("prefix") as store:
            found = await store.alist_namespaces(
                prefix=tuple(prefix) or None,
                suffix=tuple(suffix) or None,
                max_depth=max_depth,
                limit=limit,
                offset=offset,
            )
        return [list(namespace) for namespace in found]

    @asynccontextmanager
    async def _store(self, field: str) -> AsyncIterator[BaseStore]:
        """The store for one operation; `field` is what a refusal of the store's is about."""
        try:
            yield await self._stores.here()
        except InvalidNamespaceError as error:
            raise InvalidRequest(f"namespace: {error}") from error
        except (ValueError, TypeError, OverflowError) as error:  # a text, a number or a condition that it cannot hold
            raise InvalidRequest(f"{field}: {error}") from error
        except (sqlite3.Error, OSError) as error:
            raise StorageUnavailable(f"The store is not available: {error}") from error


def _view(item: Item) -> results.Item:
    return {
        "namespace": list(item.namespace),
        "key": item.key,
        "value": item.value,
        "created_at": _timestamp(item.created_at),
        "updated_at": _timestamp(item.updated_at),
    }


def _found(item: SearchItem) -> results.FoundItem:
    return {**_view(item), "score": item.score}


def _timestamp(time: datetime) -> str:
    """As all times of the API; stores of the author's may give times without a zone, which are in UTC."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC).isoformat(timespec="microseconds")
