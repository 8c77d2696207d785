"""LangGraph's checkpointers, as Treadle needs them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from langchain_core.runnables import RunnableConfig
from langgraph.checkpoint.base import CheckpointTuple
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.serde.jsonplus import JsonPlusSerializer


class MemorySaver(InMemorySaver):
    """Checkpoints in memory. Reading a thread that has none leaves nothing behind, as it does in LangGraph's own."""

    def __init__(self) -> None:
        # What the checkpointer's own format does not know is pickled (recorded).
        super().__init__(serde=JsonPlusSerializer(pickle_fallback=True))

    def get_tuple(self, config: RunnableConfig) -> CheckpointTuple | None:
        return super().get_tuple(config) if self._has(config) else None

    def list(self, config: RunnableConfig | None, **options: Any) -> Iterator[CheckpointTuple]:
        return super().list(config, **options) if config is None or self._has(config) else iter(())

    def _has(self, config: RunnableConfig) -> bool:
        configurable = config["configurable"]
        return configurable.get("checkpoint_ns", "") in self.storage.get(configurable["thread_id"], ())
