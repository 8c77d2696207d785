"""Assistants as they come from the rows of a database."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from treadle.encoding import parse
from treadle.storage.contract.assistants import AssistantRecord


def assistant_of(row: Iterable[Any]) -> AssistantRecord:
    """The assistant in a row: its id, the columns of one version, its times, and the version's number."""
    assistant_id, graph_id, name, description, config, context, metadata, created_at, updated_at, version = row
    return AssistantRecord(
        assistant_id=assistant_id,
        graph_id=graph_id,
        name=name,
        description=description,
        config=parse(config),
        context=parse(context),
        metadata=parse(metadata),
        created_at=created_at,
        updated_at=updated_at,
        version=version,
    )
