"""Assistants as clients see them: created, found, changed and deleted."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from uuid import UUID

from treadle.errors import AssistantConflict, AssistantNotFound
from treadle.graphs.assistants import KnownAssistants, no_assistant
from treadle.storage.contract.assistants import AssistantQuery, AssistantRecord, AssistantStore, Change

Admits: TypeAlias = Callable[[Mapping[str, Any]], bool]


class Assistants:
    """The assistants of the graphs, and those that clients create. Methods raise StorageUnavailable (503)."""

    def __init__(self, known: KnownAssistants, store: AssistantStore, clock: Callable[[], float]) -> None:
        self._known = known
        self._store = store
        self._clock = clock

    async def create(self, record: AssistantRecord, *, or_get: Admits | None) -> AssistantRecord:
        """Commit a new assistant; or return the one that has its id already, if `or_get` admits its metadata.

        Raises AssistantNotFound (404) if there is no such graph, AssistantConflict (409) if the id is taken,
        AssistantsFull (409).
        """
        self._known.check_graph(record.graph_id)
        if record.assistant_id not in self._known.defaults and await self._store.add(record):
            return record
        existing = await self.get(UUID(record.assistant_id))
        if or_get is None or not or_get(existing.metadata):
            raise AssistantConflict(f"assistant_id: there is an assistant {record.assistant_id} already")
        return existing

    async def get(self, assistant_id: UUID) -> AssistantRecord:
        """The current version of the assistant. Raises AssistantNotFound (404)."""
        return await self._known.get(assistant_id)

    async def search(self, query: AssistantQuery, *, limit: int, offset: int) -> tuple[list[AssistantRecord], bool]:
        """A page of the assistants that fit, and whether there are more. Raises AssistantNotFound (404) for a graph."""
        kept = await self._store.find(query, offset + limit + 1)
        found = sorted([*kept, *await self._unchanged(query)], key=query.position, reverse=not query.ascending)
        return found[offset : offset + limit], len(found) > offset + limit

    async def count(self, query: AssistantQuery) -> int:
        """How many assistants fit. Raises AssistantNotFound (404) for a graph."""
        return await self._store.count(query) + len(await self._unchanged(query))

    async def change(self, assistant_id: UUID, change: Change) -> AssistantRecord:
        """Make a new version of the assistant the current one.

        Raises AssistantNotFound (404), AssistantsFull (409), and what `change` raises.
        """

        def checked(before: AssistantRecord) -> AssistantRecord:
            after = change(before)
            if after.graph_id != before.graph_id:
                self._known.check_graph(after.graph_id)
            return after

        original = self._known.defaults.get(str(assistant_id))
        after = await self._store.change(str(assistant_id), checked, original)
        return await self.get(assistant_id) if after is None else after

    async def versions(self, assistant_id: UUID) -> list[AssistantRecord]:
        """The versions of the assistant, the newest first. Raises AssistantNotFound (404)."""
        return await self._store.versions(str(assistant_id)) or [await self.get(assistant_id)]

    async def select(self, assistant_id: UUID, version: int) -> AssistantRecord:
        """Make an earlier version the current one. Raises AssistantNotFound (404) for assistant or version."""
        current = await self.get(assistant_id)
        if current.version == version:
            return current
        selected = await self._store.select(str(assistant_id), version, self._clock())
        if selected is None:
            raise AssistantNotFound(f"version: assistant {assistant_id} has no version {version}")
        return selected

    async def check_deletable(self, assistant_id: UUID) -> None:
        """Raises AssistantNotFound (404), AssistantConflict (409) for the assistant of a graph."""
        if default := self._known.defaults.get(str(assistant_id)):
            raise AssistantConflict(
                f"assistant_id: {assistant_id} is the assistant of the graph {default.graph_id!r}, and stays with it"
            )
        await self.get(assistant_id)

    async def delete(self, assistant_id: UUID) -> None:
        """Delete the assistant and its versions; runs that were created with it go on.

        Raises as `check_deletable`.
        """
        await self.check_deletable(assistant_id)
        if not await self._store.remove(str(assistant_id)):
            raise AssistantNotFound(no_assistant(str(assistant_id)))

    async def _unchanged(self, query: AssistantQuery) -> list[AssistantRecord]:
        """The fitting assistants of graphs that are as the configuration has them."""
        if query.graph_id is not None:
            self._known.check_graph(query.graph_id)
        defaults = [record for record in self._known.defaults.values() if query.fits(record)]
        return [record for record in defaults if await self._store.get(record.assistant_id) is None]
