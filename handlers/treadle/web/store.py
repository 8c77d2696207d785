"""Operations on the items of the store."""

from __future__ import annotations

from typing import Any

import treadle_api.operations as op
from treadle.items.items import Items
from treadle.web.binding import Call
from treadle.web.headers import ignored_header
from treadle.web.replies import Empty, Json, Reply
from treadle.web.rights import changed


class StoreHandlers:
    """Handlers of the operations below `/store`."""

    def __init__(self, items: Items) -> None:
        self._items = items

    async def put_item(self, call: Call[op.PutItemBody, op.PutItemParameters]) -> Reply[op.PutItemResult]:
        """Store an item."""
        body = call.body
        asked = {"namespace": tuple(body.namespace), "key": body.key, "value": body.value, "index": body.index}
        await call.rights.ask("store", "put", asked)
        lifetime = {"ttl": body.ttl} if "ttl" in body.model_fields_set else {}
        await self._items.put(
            _path(asked), changed(asked, "key", str), changed(asked, "value", dict), index=body.index, **lifetime
        )
        return Empty(204, headers=ignored_header(self._ignored(call.unknown, index=body.index not in (None, False))))

    async def get_item(self, call: Call[op.GetItemBody, op.GetItemParameters]) -> Reply[op.GetItemResult]:
        """Answer with the item, or with null."""
        parameters = call.parameters
        asked = {"namespace": tuple(_parts(parameters.namespace or [])), "key": parameters.key}
        await call.rights.ask("store", "get", asked)
        key = changed(asked, "key", str)
        return Json(await self._items.get(_path(asked), key, refresh_ttl=parameters.refresh_ttl))

    async def delete_item(self, call: Call[op.DeleteItemBody, op.DeleteItemParameters]) -> Reply[op.DeleteItemResult]:
        """Delete the item, if there is one."""
        asked = {"namespace": tuple(call.body.namespace or ()), "key": call.body.key}
        await call.rights.ask("store", "delete", asked)
        await self._items.delete(_path(asked), changed(asked, "key", str))
        return Empty(204, headers=ignored_header(call.unknown))

    async def search_items(
        self, call: Call[op.SearchItemsBody, op.SearchItemsParameters]
    ) -> Reply[op.SearchItemsResult]:
        """Answer with a page of items."""
        body = call.body
        asked = {
            "namespace": tuple(body.namespace_prefix or ()),
            "filter": body.filter,
            "limit": body.limit,
            "offset": body.offset,
            "query": body.query,
        }
        await call.rights.ask("store", "search", asked)
        items = await self._items.search(
            _path(asked),
            query=changed(asked, "query", str),
            filter=changed(asked, "filter", dict),
            limit=changed(asked, "limit", int),
            offset=changed(asked, "offset", int),
            refresh_ttl=body.refresh_ttl,
        )
        return Json({"items": items}, headers=ignored_header(self._ignored(call.unknown, query=bool(body.query))))

    async def list_namespaces(
        self, call: Call[op.ListNamespacesBody, op.ListNamespacesParameters]
    ) -> Reply[op.ListNamespacesResult]:
        """Answer with a page of namespaces."""
        body = call.body
        asked = {
            "namespace": tuple(body.prefix or ()),
            "suffix": tuple(body.suffix or ()),
            "max_depth": body.max_depth,
            "limit": body.limit,
            "offset": body.offset,
        }
        await call.rights.ask("store", "list_namespaces", asked)
        namespaces = await self._items.namespaces(
            prefix=_path(asked),
            suffix=_path(asked, "suffix"),
            max_depth=changed(asked, "max_depth", int),
            limit=changed(asked, "limit", int),
            offset=changed(asked, "offset", int),
        )
        return Json({"namespaces": namespaces}, headers=ignored_header(call.unknown))

    def _ignored(self, unknown: list[str], **given: bool) -> list[str]:
        """The fields that nothing reads: unknown ones, and those about an index if there is none."""
        return unknown if self._items.indexed else [*unknown, *(name for name, value in given.items() if value)]


def _path(asked: dict[str, Any], name: str = "namespace") -> tuple[str, ...]:
    """The namespace that a handler of auth has left, or made."""
    namespace = asked.get(name)
    return (namespace,) if isinstance(namespace, str) else tuple(namespace or ())


def _parts(texts: list[str]) -> list[str]:
    """The parts of a namespace, each as a value, or several in one with periods between them."""
    return [part for text in texts if text for part in text.split(".")]
