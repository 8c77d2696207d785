"""From the body of a create request to the thread that is stored."""

from __future__ import annotations

from collections.abc import Sequence

from uuid_utils import uuid7

from treadle.encoding import read_uuid
from treadle.errors import InvalidRequest
from treadle.storage.contract.threads import ThreadRecord
from treadle_api.operations import CreateThreadBody


def new_thread(
    body: CreateThreadBody, received_at: float, graph_ids: Sequence[str], ttl_minutes: float | None
) -> ThreadRecord:
    """The thread that a create request asks for, without a state; it stays for `ttl_minutes` if it does not say.

    Raises InvalidRequest (422), naming the field.
    """
    if body.ttl is not None and body.ttl.strategy == "keep_latest":
        raise InvalidRequest("ttl.strategy: this version of Treadle does not carry out keep_latest")
    if body.ttl is not None and body.ttl.ttl is not None:
        ttl_minutes = body.ttl.ttl
    metadata = body.metadata or {}
    graph_id = metadata.get("graph_id")
    return ThreadRecord(
        thread_id=str(uuid7() if body.thread_id is None else read_uuid("thread_id", body.thread_id)),
        graph_id=graph_id if graph_id in graph_ids else None,
        metadata=metadata,
        config={},
        graph_config={},
        created_at=received_at,
        updated_at=received_at,
        state_updated_at=received_at,
        ttl_minutes=ttl_minutes,
    )
