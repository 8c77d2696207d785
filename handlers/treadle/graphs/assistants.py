"""Assistants: each graph has one by default, found by its graph id or by its UUID."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID, uuid5

from treadle.errors import AssistantNotFound, InvalidRequest
from treadle.graphs.loading import Graphs

# The official server derives a graph's assistant id in this namespace, so the ids are the same here (recorded).
NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
# Seconds between the creation of one and the next, so that their order can be told.
APART = 0.001


@dataclass(frozen=True, slots=True)
class Assistant:
    """A graph under the id that runs refer to."""

    assistant_id: str
    graph_id: str
    name: str
    description: str | None
    created_at: float
    """Seconds since the epoch."""


class Assistants:
    """The default assistants of the graphs: one is made after the other, in the order of the configuration."""

    def __init__(self, graphs: Graphs, created_at: float) -> None:
        first = created_at - APART * len(graphs.ids)
        self._by_graph = {
            graph_id: Assistant(
                str(uuid5(NAMESPACE, graph_id)),
                graph_id,
                graphs.names[graph_id],
                graphs.config.graphs[graph_id].description,
                first + APART * number,
            )
            for number, graph_id in enumerate(graphs.ids, start=1)
        }
        self._by_id = {assistant.assistant_id: assistant for assistant in self._by_graph.values()}

    @property
    def all(self) -> list[Assistant]:
        """Every assistant, in the order of the configuration."""
        return list(self._by_id.values())

    def get(self, assistant_id: UUID, spelled: str | None = None) -> Assistant:
        """The assistant with this id. Raises AssistantNotFound (404), with the id as the caller spelled it."""
        assistant = self._by_id.get(str(assistant_id))
        if assistant is None:
            raise AssistantNotFound(f"assistant_id: there is no assistant {spelled or assistant_id}")
        return assistant

    def of_graph(self, graph_id: str) -> Assistant:
        """The default assistant of a graph. Raises AssistantNotFound (404)."""
        assistant = self._by_graph.get(graph_id)
        if assistant is None:
            known = ", ".join(sorted(self._by_graph))
            raise AssistantNotFound(f"graph_id: no graph is called {graph_id!r}; there are: {known}")
        return assistant

    def find(self, assistant_id: str) -> Assistant:
        """The assistant for a graph id or a UUID in any spelling.

        Raises AssistantNotFound (404) for an unknown UUID and InvalidRequest (422) for an unknown name.
        """
        if assistant := self._by_graph.get(assistant_id) or self._by_id.get(assistant_id):
            return assistant
        try:
            spelled = UUID(assistant_id)
        except ValueError:
            known = ", ".join(self._by_graph)
            raise InvalidRequest(f"assistant_id: no graph is called {assistant_id!r}; there are: {known}") from None
        return self.get(spelled, assistant_id)
