"""Assistants: each graph has one by default, and more can be created. Runs name them by graph id or by UUID."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID, uuid5

from treadle.errors import AssistantNotFound, InvalidRequest
from treadle.graphs.loading import Graphs
from treadle.storage.contract.assistants import AssistantRecord, AssistantStore

# The official server derives a graph's assistant id in this namespace, so the ids are the same here (recorded).
NAMESPACE = UUID("6ba7b821-9dad-11d1-80b4-00c04fd430c8")
# Seconds between the creation of one and the next, so that their order can be told.
APART = 0.001


def no_assistant(assistant_id: str) -> str:
    """The message about an assistant that is unknown to the caller."""
    return f"assistant_id: there is no assistant {assistant_id}"


class KnownAssistants:
    """The assistants that runs may name: those of the graphs, and those that are kept in the store.

    The assistant of a graph comes with the configuration. It is kept in the store once a client has changed it.
    """

    def __init__(self, graphs: Graphs, store: AssistantStore, created_at: float) -> None:
        self._store = store
        first = created_at - APART * len(graphs.ids)
        self._by_graph = {
            graph_id: AssistantRecord(
                assistant_id=str(uuid5(NAMESPACE, graph_id)),
                graph_id=graph_id,
                name=graphs.names[graph_id],
                description=graphs.config.graphs[graph_id].description,
                config={},
                context={},
                metadata={"created_by": "system"},
                is_default=True,
                created_at=first + APART * number,
                updated_at=first + APART * number,
            )
            for number, graph_id in enumerate(graphs.ids, start=1)
        }
        self.defaults = {record.assistant_id: record for record in self._by_graph.values()}
        """The assistants of the graphs as the configuration has them, by id, in its order."""

    async def get(self, assistant_id: UUID, spelled: str | None = None) -> AssistantRecord:
        """The assistant with this id. Raises AssistantNotFound (404), with the id as the caller spelled it."""
        record = await self._kept(str(assistant_id))
        if record is None:
            raise AssistantNotFound(no_assistant(spelled or str(assistant_id)))
        return record

    async def find(self, assistant_id: str) -> AssistantRecord:
        """The assistant for a graph id or a UUID in any spelling.

        Raises AssistantNotFound (404) for an unknown UUID, and InvalidRequest (422) for an unknown name, or if the
        configuration has no graph of the assistant's any longer.
        """
        if default := self._by_graph.get(assistant_id):
            record = await self._kept(default.assistant_id) or default
        else:
            try:
                spelled = UUID(assistant_id)
            except ValueError:
                raise InvalidRequest(f"assistant_id: {self._no_graph(assistant_id)}") from None
            record = await self.get(spelled, assistant_id)
        if record.graph_id not in self._by_graph:
            raise InvalidRequest(f"assistant_id: {self._no_graph(record.graph_id)}")
        return record

    def check_graph(self, graph_id: str) -> None:
        """Raises AssistantNotFound (404) if there is no such graph."""
        if graph_id not in self._by_graph:
            raise AssistantNotFound(f"graph_id: {self._no_graph(graph_id)}")

    async def _kept(self, assistant_id: str) -> AssistantRecord | None:
        default = self.defaults.get(assistant_id)
        kept = await self._store.get(assistant_id)
        return kept if default is None else replace(kept, is_default=True) if kept else default

    def _no_graph(self, graph_id: str) -> str:
        return f"no graph is called {graph_id!r}; there are: {', '.join(self._by_graph)}"
