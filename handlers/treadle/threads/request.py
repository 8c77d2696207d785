"""From the body of a create request to the thread that is stored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from uuid_utils import uuid7

from treadle.encoding import read_uuid
from treadle.errors import InvalidRequest
from treadle.storage.contract.threads import ThreadRecord


def new_thread(
    document: dict[str, Any], received_at: float, graph_ids: Sequence[str], ttl_minutes: float | None
) -> ThreadRecord:
    """The thread that a create request asks for, without a state; it stays for `ttl_minutes` if it does not say.

    Raises InvalidRequest (422), naming the field.
    """
    given, ttl = document.get("thread_id"), document.get("ttl") or {}
    if ttl.get("strategy") == "keep_latest":
        raise InvalidRequest("ttl.strategy: this version of Treadle does not carry out keep_latest")
    metadata = document.get("metadata") or {}
    graph_id = metadata.get("graph_id")
    return ThreadRecord(
        thread_id=str(uuid7() if given is None else read_uuid("thread_id", given)),
        graph_id=graph_id if graph_id in graph_ids else None,
        metadata=metadata,
        config={},
        graph_config={},
        created_at=received_at,
        updated_at=received_at,
        state_updated_at=received_at,
        ttl_minutes=ttl_minutes if ttl.get("ttl") is None else ttl["ttl"],
    )
