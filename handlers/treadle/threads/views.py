"""A thread as its readers see it: the API's Thread and ThreadState."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

from langchain_core.runnables import RunnableConfig
from langgraph.types import StateSnapshot

from treadle.encoding import fragment, timestamp
from treadle.graphs.checkpoints import checkpoint_address, stored_interrupts
from treadle.storage.contract.threads import ThreadRecord
from treadle_api.results import Thread

NO_STATE: dict[str, Any] = {
    "values": {},
    "next": [],
    "tasks": [],
    "metadata": None,
    "created_at": None,
    "checkpoint": None,
    "parent_checkpoint": None,
    "interrupts": [],
    "checkpoint_id": None,
    "parent_checkpoint_id": None,
}
"""The API's ThreadState of a thread without checkpoints (recorded)."""


def thread_view(thread: ThreadRecord, *, with_ttl: bool) -> Thread:
    """The API's Thread, keys in the recorded order. A busy one has neither error nor interrupts."""
    state = thread.state
    view: dict[str, Any] = {
        "thread_id": thread.thread_id,
        "status": state.status,
        "metadata": thread.metadata,
        "config": thread.config,
        "created_at": timestamp(thread.created_at),
        "updated_at": timestamp(thread.updated_at),
        "values": fragment(state.values),
        "state_updated_at": timestamp(thread.state_updated_at),
    }
    if state.status != "busy":
        view["error"] = fragment(state.error)
        if state.interrupts is not None:
            view["interrupts"] = fragment(state.interrupts)
    if with_ttl and thread.expires_at is not None:
        view["ttl"] = {
            "strategy": thread.ttl.strategy,
            "ttl_minutes": thread.ttl.minutes,
            "expires_at": timestamp(thread.expires_at),
        }
    return cast(Thread, view)


def snapshot_view(snapshot: StateSnapshot) -> dict[str, Any]:
    """The API's ThreadState at a checkpoint."""
    # A subgraph that has not begun has a place for its state, and no checkpoint there.
    checkpoint, parent = checkpoint_address(snapshot.config), checkpoint_address(snapshot.parent_config)
    return {
        "values": snapshot.values,
        "next": list(snapshot.next),
        "tasks": [_task_view(task) for task in snapshot.tasks],
        # LangGraph's checkpointers do not store the thread's id with the metadata of the run, where it was (recorded).
        "metadata": snapshot.metadata
        and {**snapshot.metadata, "thread_id": snapshot.config["configurable"]["thread_id"]},
        "created_at": snapshot.created_at,
        "checkpoint": checkpoint,
        "parent_checkpoint": parent,
        "interrupts": stored_interrupts(snapshot.interrupts),
        "checkpoint_id": checkpoint and checkpoint.get("checkpoint_id"),
        "parent_checkpoint_id": parent and parent.get("checkpoint_id"),
    }


def selected(state: dict[str, Any], select: Sequence[str] | None) -> dict[str, Any]:
    """A state, or those of its keys that `select` names; `values.KEY` is one key of the values."""
    if select is None:
        return state
    chosen = {key: value for key, value in state.items() if key in select}
    keys = [name.removeprefix("values.") for name in select if name.startswith("values.")]
    if keys and "values" not in chosen and isinstance(state["values"], dict):
        chosen = {"values": {key: state["values"][key] for key in keys if key in state["values"]}, **chosen}
    return chosen


def _task_view(task: Any) -> dict[str, Any]:
    inner = task.state  # of a subgraph: its state if it was asked for, otherwise where it is kept
    return {
        "id": task.id,
        "name": task.name,
        "path": task.path,
        "error": task.error if task.error is None or isinstance(task.error, str) else repr(task.error),
        "interrupts": stored_interrupts(task.interrupts),
        "checkpoint": checkpoint_address(cast(RunnableConfig, inner)) if isinstance(inner, dict) else None,
        "state": snapshot_view(inner) if isinstance(inner, StateSnapshot) else None,
        "result": task.result,
    }
