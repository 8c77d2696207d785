"""Operations on threads: create one, read it and its states, delete it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import treadle_api.operations as op
from treadle.errors import ThreadConflict
from treadle.storage.contract.threads import ThreadRecord, ThreadTtl
from treadle.threads.lifecycle import Threads
from treadle.threads.request import new_thread
from treadle.threads.states import ThreadStates
from treadle.threads.views import thread_view
from treadle.web.binding import Call
from treadle.web.headers import ignored_header
from treadle.web.replies import Empty, Encoded, Json, Reply
from treadle.web.rights import Rights, changed
from treadle_api.models import CheckpointConfig


class ThreadHandlers:
    """Handlers of `POST /threads` and of the operations on `/threads/{thread_id}`, its state and its history."""

    def __init__(
        self, threads: Threads, states: ThreadStates, graph_ids: tuple[str, ...], thread_ttl: ThreadTtl
    ) -> None:
        self._threads = threads
        self._states = states
        self._graph_ids = graph_ids
        self._thread_ttl = thread_ttl

    async def create_thread(
        self, call: Call[op.CreateThreadBody, op.CreateThreadParameters]
    ) -> Reply[op.CreateThreadResult]:
        """Answer with the new thread, or with the one that has its id already if `if_exists` is `do_nothing`."""
        thread = new_thread(call.body, call.received_at, self._graph_ids, self._thread_ttl)
        value = {
            "thread_id": UUID(thread.thread_id),
            "metadata": dict(thread.metadata),
            "if_exists": call.body.if_exists,
        }
        admits = await call.rights.ask("threads", "create", value)
        thread = replace(thread, metadata=changed(value, "metadata", dict) or {})
        try:
            thread = await self._threads.create(thread, call.body.supersteps or (), call.rights.user)
        except ThreadConflict:
            existing = await self._threads.find(thread.thread_id)
            if existing is None or call.body.if_exists == "raise" or not admits(existing.metadata):
                raise
            thread = existing
        return Json(thread_view(thread, with_ttl=True), headers=ignored_header(call.unknown))

    async def get_thread(self, call: Call[op.GetThreadBody, op.GetThreadParameters]) -> Reply[op.GetThreadResult]:
        """Answer with the thread as it is now."""
        thread = await self._readable(call.rights, call.parameters.thread_id)
        return Json(thread_view(thread, with_ttl=call.parameters.include == "ttl"))

    async def delete_thread(
        self, call: Call[op.DeleteThreadBody, op.DeleteThreadParameters]
    ) -> Reply[op.DeleteThreadResult]:
        """Forget a thread, its runs and its checkpoints."""
        thread = await self._threads.get(str(call.parameters.thread_id))
        await call.rights.check_thread("delete", thread)
        await self._threads.delete(thread.thread_id)
        return Empty(204)

    async def get_thread_state(
        self, call: Call[op.GetThreadStateBody, op.GetThreadStateParameters]
    ) -> Reply[op.GetThreadStateResult]:
        """Answer with the state at the newest checkpoint."""
        parameters = call.parameters
        thread = await self._readable(call.rights, call.parameters.thread_id)
        state = await self._states.state(
            thread, call.rights.user, subgraphs=bool(parameters.subgraphs), select=parameters.select
        )
        return Encoded(state)

    async def get_thread_state_at(
        self, call: Call[op.GetThreadStateAtBody, op.GetThreadStateAtParameters]
    ) -> Reply[op.GetThreadStateAtResult]:
        """Answer with the state at one checkpoint."""
        parameters = call.parameters
        thread = await self._readable(call.rights, call.parameters.thread_id)
        checkpoint = {"checkpoint_id": str(parameters.checkpoint_id)}
        state = await self._states.state(
            thread,
            call.rights.user,
            checkpoint=checkpoint,
            subgraphs=bool(parameters.subgraphs),
            select=parameters.select,
        )
        return Encoded(state)

    async def search_thread_state(
        self, call: Call[op.SearchThreadStateBody, op.SearchThreadStateParameters]
    ) -> Reply[op.SearchThreadStateResult]:
        """Answer with the state at a checkpoint that the body names, which may be one of a subgraph."""
        body = call.body
        thread = await self._readable(call.rights, call.parameters.thread_id)
        state = await self._states.state(
            thread,
            call.rights.user,
            checkpoint=_address(body.checkpoint),
            subgraphs=bool(body.subgraphs),
            select=body.select,
        )
        return Encoded(state, headers=ignored_header(call.unknown))

    async def list_thread_history(
        self, call: Call[op.ListThreadHistoryBody, op.ListThreadHistoryParameters]
    ) -> Reply[op.ListThreadHistoryResult]:
        """Answer with the states at past checkpoints, the newest first."""
        parameters = call.parameters
        thread = await self._readable(call.rights, call.parameters.thread_id)
        before = {"checkpoint_id": parameters.before} if parameters.before else None
        states = await self._states.history(thread, call.rights.user, limit=parameters.limit, before=before)
        return Encoded(states)

    async def search_thread_history(
        self, call: Call[op.SearchThreadHistoryBody, op.SearchThreadHistoryParameters]
    ) -> Reply[op.SearchThreadHistoryResult]:
        """As `list_thread_history`, with filters in the body."""
        body = call.body
        thread = await self._readable(call.rights, call.parameters.thread_id)
        states = await self._states.history(
            thread,
            call.rights.user,
            limit=body.limit,
            before=_before(body.before),
            metadata=body.metadata,
            checkpoint=_address(body.checkpoint),
            select=body.select,
        )
        return Encoded(states, headers=ignored_header(call.unknown))

    async def _readable(self, rights: Rights, thread_id: UUID) -> ThreadRecord:
        """The thread. Raises ThreadNotFound (404) if there is none that the user may see."""
        thread = await self._threads.get(str(thread_id))
        await rights.check_thread("read", thread)
        return thread


def _before(given: CheckpointConfig | str | None) -> dict[str, Any] | None:
    """The address that a search begins before: one SDK has a config where the others have an address or an id."""
    if isinstance(given, str):
        return {"checkpoint_id": given}
    config = (given.model_extra or {}).get("configurable") if given is not None else None
    return config if isinstance(config, dict) else _address(given)


def _address(checkpoint: CheckpointConfig | None) -> dict[str, Any] | None:
    """The address of a checkpoint, with None for each part that is not given."""
    if checkpoint is None:
        return None
    return {
        "checkpoint_ns": checkpoint.checkpoint_ns,
        "checkpoint_id": checkpoint.checkpoint_id,
        "checkpoint_map": checkpoint.checkpoint_map,
    }
