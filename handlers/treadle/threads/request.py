"""From the body of a create request to the thread that is stored."""

from __future__ import annotations

from collections.abc import Sequence

from uuid_utils import uuid7

from treadle.encoding import read_uuid
from treadle.errors import InvalidRequest
from treadle.storage.contract.threads import ThreadRecord, ThreadTtl
from treadle_api.operations import CreateThreadBody


def new_thread(body: CreateThreadBody, received_at: float, graph_ids: Sequence[str], ttl: ThreadTtl) -> ThreadRecord:
    """The thread that a create request asks for, without a state; it stays for `ttl` if it does not say.

    Raises InvalidRequest (422), naming the field.
    """
    if body.ttl is not None:
        ttl = ThreadTtl(ttl.minutes if body.ttl.ttl is None else body.ttl.ttl, body.ttl.strategy)
    metadata = body.metadata or {}
    graph_id = metadata.get("graph_id")
    if body.supersteps and graph_id not in graph_ids:
        raise InvalidRequest("supersteps: name the graph that they are for in metadata.graph_id")
    return ThreadRecord(
        thread_id=str(uuid7() if body.thread_id is None else read_uuid("thread_id", body.thread_id)),
        graph_id=graph_id if graph_id in graph_ids else None,
        metadata=metadata,
        config={},
        graph_config={},
        created_at=received_at,
        updated_at=received_at,
        state_updated_at=received_at,
        ttl=ttl,
    )
