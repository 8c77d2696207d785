"""Assistants as the API shows them."""

from __future__ import annotations

from typing import cast

from treadle.encoding import timestamp
from treadle.storage.contract.assistants import AssistantRecord
from treadle_api import results


def assistant_view(record: AssistantRecord) -> results.Assistant:
    """The API's Assistant, keys in the recorded order."""
    return {
        "assistant_id": record.assistant_id,
        "graph_id": record.graph_id,
        "config": cast(results.Config, record.config),
        "context": record.context,
        "metadata": record.metadata,
        "name": record.name,
        "created_at": timestamp(record.created_at),
        "updated_at": timestamp(record.updated_at),
        "version": record.version,
        "description": record.description,
    }
