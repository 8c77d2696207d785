"""Created assistants, and changed ones: each with the versions that it has had."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from treadle.encoding import same_json

MOST_VERSIONS = 100
"""Versions that are kept of an assistant, beside the current one."""
SortKey = Literal["assistant_id", "created_at", "updated_at", "name", "graph_id"]
Change = Callable[["AssistantRecord"], "AssistantRecord"]
"""Makes the next version of an assistant. The store sets its number."""


@dataclass(frozen=True, slots=True)
class AssistantRecord:
    """A graph with a config: what runs of it start from. Times are seconds since the epoch."""

    assistant_id: str
    graph_id: str
    name: str
    description: str | None
    config: dict[str, Any]
    context: dict[str, Any]
    """Equal to `config.configurable`, if there is any."""
    metadata: dict[str, Any]
    created_at: float
    updated_at: float
    """When this version was made, or was made the current one again."""
    version: int = 1
    is_default: bool = False
    """Whether it comes with a graph of the configuration. The store does not know this."""


def has_entries(metadata: dict[str, Any], wanted: dict[str, Any]) -> bool:
    """Whether the metadata has all the entries that are wanted."""
    return all(key in metadata and same_json(metadata[key], value) for key, value in wanted.items())


@dataclass(frozen=True, slots=True)
class AssistantQuery:
    """What a search asks for. None means any."""

    graph_id: str | None = None
    name: str | None = None
    """A part of the name, in any case of its letters."""
    metadata: dict[str, Any] | None = None
    sort_by: SortKey = "created_at"
    """Texts are compared without regard to case. Equal ones are in the order of their ids."""
    ascending: bool = False
    admits: Callable[[dict[str, Any]], bool] | None = None
    """Whether an assistant with this metadata may be found at all."""

    def fits(self, record: AssistantRecord) -> bool:
        """Whether the assistant is one that is searched for."""
        return (
            self.graph_id in (None, record.graph_id)
            and (self.name is None or self.name.casefold() in record.name.casefold())
            and has_entries(record.metadata, self.metadata or {})
            and (self.admits is None or self.admits(record.metadata))
        )

    def position(self, record: AssistantRecord) -> tuple[str | float, str]:
        """Where the assistant stands among others, in ascending order."""
        value: str | float = getattr(record, self.sort_by)
        return (value.casefold() if isinstance(value, str) else value, record.assistant_id)


class AssistantStore(ABC):
    """Assistants, and their versions: of each the newest MOST_VERSIONS, and the current one."""

    @abstractmethod
    async def add(self, record: AssistantRecord) -> bool:
        """Commit the assistant with its first version. Return False if another one has its id.

        Raises AssistantsFull (409) if as many as may be are kept.
        """

    @abstractmethod
    async def get(self, assistant_id: str) -> AssistantRecord | None:
        """The current version of the assistant, or None."""

    @abstractmethod
    async def find(self, query: AssistantQuery, most: int | None = None) -> list[AssistantRecord]:
        """The current versions of the assistants that fit, in the order of the query: the first `most` of them."""

    @abstractmethod
    async def count(self, query: AssistantQuery) -> int:
        """How many assistants fit."""

    @abstractmethod
    async def change(
        self, assistant_id: str, change: Change, original: AssistantRecord | None = None
    ) -> AssistantRecord | None:
        """Commit a new version of the assistant, make it the current one, and return it.

        An assistant that is not kept begins as `original`; without one, nothing is changed, and None is returned.
        Concurrent changes, in any processes, follow one another. Raises AssistantsFull (409), and what `change` raises.
        """

    @abstractmethod
    async def versions(self, assistant_id: str) -> list[AssistantRecord]:
        """The versions that are kept of the assistant, the newest first."""

    @abstractmethod
    async def select(self, assistant_id: str, version: int, at: float) -> AssistantRecord | None:
        """Make an earlier version the current one, and return it; None if it is not kept."""

    @abstractmethod
    async def remove(self, assistant_id: str) -> bool:
        """Delete the assistant and its versions; False if there is none."""
