"""Assistants in this process's memory. Confined to one event loop."""

from __future__ import annotations

from dataclasses import replace

from treadle.errors import AssistantsFull
from treadle.storage.contract.assistants import (
    MOST_VERSIONS,
    AssistantQuery,
    AssistantRecord,
    AssistantStore,
    Change,
)


class MemoryAssistantStore(AssistantStore):
    """The current version of each assistant, and a list of all of them, the newest last."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._current: dict[str, AssistantRecord] = {}
        self._versions: dict[str, list[AssistantRecord]] = {}

    async def add(self, record: AssistantRecord) -> bool:
        if record.assistant_id in self._current:
            return False
        if len(self._current) >= self._limit:
            raise AssistantsFull
        self._current[record.assistant_id] = record
        self._versions[record.assistant_id] = [record]
        return True

    async def get(self, assistant_id: str) -> AssistantRecord | None:
        return self._current.get(assistant_id)

    async def find(self, query: AssistantQuery, most: int | None = None) -> list[AssistantRecord]:
        found = [record for record in self._current.values() if query.fits(record)]
        return sorted(found, key=query.position, reverse=not query.ascending)[:most]

    async def count(self, query: AssistantQuery) -> int:
        return sum(map(query.fits, self._current.values()))

    async def change(
        self, assistant_id: str, change: Change, original: AssistantRecord | None = None
    ) -> AssistantRecord | None:
        before = self._current.get(assistant_id, original)
        if before is None:
            return None
        after = change(before)
        if assistant_id not in self._current:
            await self.add(before)
        versions = self._versions[assistant_id]
        after = self._current[assistant_id] = replace(after, version=versions[-1].version + 1)
        versions.append(after)
        if len(versions) > MOST_VERSIONS:
            del versions[0]
        return after

    async def versions(self, assistant_id: str) -> list[AssistantRecord]:
        versions = [replace(each, created_at=each.updated_at) for each in self._versions.get(assistant_id, ())]
        return versions[::-1]

    async def select(self, assistant_id: str, version: int, at: float) -> AssistantRecord | None:
        for each in self._versions.get(assistant_id, ()):
            if each.version == version:
                self._current[assistant_id] = replace(each, updated_at=at)
                return self._current[assistant_id]
        return None

    async def remove(self, assistant_id: str) -> bool:
        self._versions.pop(assistant_id, None)
        return self._current.pop(assistant_id, None) is not None
