"""From the body of a request to an assistant, or to its next version.

`context` and `config.configurable` mirror each other (recorded).
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

from uuid_utils import uuid4

from treadle.encoding import read_uuid
from treadle.errors import InvalidRequest
from treadle.runs.request import agreeing
from treadle.storage.contract.assistants import AssistantRecord
from treadle_api.operations import CreateAssistantBody, UpdateAssistantBody

Json = dict[str, Any]
UNTITLED = "Untitled"
"""The name of an assistant that was created without one (recorded)."""


def new_assistant(body: CreateAssistantBody, document: Json, received_at: float) -> AssistantRecord:
    """The assistant that a create request asks for.

    Raises InvalidRequest (422) or ContradictoryRequest (400), naming the field.
    """
    config, context = _mirrored(document.get("config") or {}, document.get("context") or {})
    return AssistantRecord(
        assistant_id=str(uuid4() if body.assistant_id is None else read_uuid("assistant_id", body.assistant_id)),
        graph_id=body.graph_id,
        name=_name(body.name) or UNTITLED,
        description=body.description,
        config=config,
        context=context,
        metadata=_checked("metadata", document.get("metadata") or {}),
        created_at=received_at,
        updated_at=received_at,
    )


def next_version(
    before: AssistantRecord, body: UpdateAssistantBody, document: Json, received_at: float
) -> AssistantRecord:
    """The assistant with the changes of a request: config and context are replaced, metadata is merged.

    Raises InvalidRequest (422) or ContradictoryRequest (400), naming the field.
    """
    config, context = before.config, before.context
    if "config" in document and "context" not in document:
        config, context = _mirrored(document["config"], {})
    elif "context" in document:
        kept = {key: value for key, value in before.config.items() if key != "configurable"}
        config, context = _mirrored(document.get("config", kept), document["context"])
    return replace(
        before,
        graph_id=before.graph_id if body.graph_id is None else body.graph_id,
        name=_name(body.name) or before.name,
        description=before.description if body.description is None else body.description,
        config=config,
        context=context,
        metadata={**before.metadata, **_checked("metadata", document.get("metadata") or {})},
        updated_at=received_at,
    )


def assistant_value(record: AssistantRecord) -> Json:
    """A new assistant as a handler of auth sees it, which may change it: the SDK's `AssistantsCreate`."""
    return {
        "assistant_id": UUID(record.assistant_id),
        "graph_id": record.graph_id,
        "config": dict(record.config),
        "context": dict(record.context),
        "metadata": dict(record.metadata),
        "name": record.name,
    }


def with_value(record: AssistantRecord, value: Json) -> AssistantRecord:
    """The new assistant with what a handler of auth has changed."""
    config, context = _mirrored(value.get("config") or {}, value.get("context") or {})
    name = _name(value.get("name")) or record.name
    return replace(record, config=config, context=context, metadata=value.get("metadata") or {}, name=name)


def _mirrored(config: Json, context: Json) -> tuple[Json, Json]:
    """Config and context, each with what the other has."""
    configurable = config.get("configurable") or {}
    for field, mapping in (("config", config), ("config.configurable", configurable), ("context", context)):
        _checked(field, mapping)
    both = agreeing(configurable, context)
    return ({**config, "configurable": both} if both or "configurable" in config else config), both


def _checked(field: str, mapping: Json) -> Json:
    if any("\0" in key for key in mapping):
        raise InvalidRequest(f"{field}: a key must not contain NUL")
    return mapping


def _name(name: str | None) -> str | None:
    if name is not None and "\0" in name:
        raise InvalidRequest("name: must not contain NUL")
    return name
