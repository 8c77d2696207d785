"""Checks of a thread and its states against the request, which a schema cannot express."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any
from uuid import UUID

Json = dict[str, Any]

# The keys of every state, also of a thread without checkpoints (recorded).
KEYS = (
    "values",
    "next",
    "tasks",
    "metadata",
    "created_at",
    "checkpoint",
    "parent_checkpoint",
    "interrupts",
    "checkpoint_id",
    "parent_checkpoint_id",
)
TIMING = re.compile(r"[a-z_]+;dur=[0-9]+(\.[0-9]+)?(e[+-]?[0-9]+)?")
BOUNDARY = 1.0
"""Minutes: a thread with a shorter life may be gone a moment later."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The thread, checkpoint and filters of a request for states; None for absent ones."""

    thread_id: str
    checkpoint_id: str | None = None
    namespace: str = ""
    limit: int | None = None
    before: str | None = None
    metadata: Mapping[str, Any] | None = None
    select: Sequence[str] | None = None


def verify_state(state: Json, asked: Asked) -> None:
    """A state has all of its keys, or the selected ones, and belongs to the thread."""
    keys = KEYS if asked.select is None else _selected(asked.select)
    assert set(state) <= set(keys), f"the state has {_listed(set(state) - set(keys))}, which nobody asked for"
    missing = set(keys) - set(state) - ({"values"} if asked.select is not None else set())
    assert not missing, f"the state has no {_listed(missing)}"
    checkpoint = state.get("checkpoint")
    if not checkpoint:
        return
    assert checkpoint.get("thread_id") == asked.thread_id, f"{checkpoint} is not of thread {asked.thread_id}"
    namespace = checkpoint.get("checkpoint_ns", "")
    assert namespace == asked.namespace, f"the checkpoint is of {namespace!r}, and {asked.namespace!r} was asked for"
    found = {checkpoint.get("checkpoint_id"), state.get("checkpoint_id", checkpoint.get("checkpoint_id"))}
    assert len(found) == 1, f"a state has two ids of its checkpoint: {found}"
    assert asked.checkpoint_id in (None, *found), f"{found} is not the checkpoint {asked.checkpoint_id}"


def verify_history(states: Sequence[Json], asked: Asked) -> None:
    """There are no more states than the limit; they come newest first, and fit the filters."""
    if asked.limit is not None:
        assert len(states) <= asked.limit, f"{len(states)} states are more than the limit of {asked.limit}"
    for state in states:
        verify_state(state, asked)
        if asked.metadata and "metadata" in state:
            found = {key: (state["metadata"] or {}).get(key) for key in asked.metadata}
            assert found == asked.metadata, f"metadata has {found}, and {asked.metadata} was asked for"
    ids = [state["checkpoint_id"] for state in states if "checkpoint_id" in state]
    assert all(left > right for left, right in pairwise(ids)), f"states are not the newest first: {ids}"
    if asked.before and ids:
        assert ids[0] < asked.before, f"{ids[0]} is not before {asked.before}"


def verify_thread(thread: Json, sent: Json) -> None:
    """A created thread has the requested id, metadata and lifetime, unless it existed already."""
    if "thread_id" in sent:
        assert UUID(thread["thread_id"]) == UUID(sent["thread_id"]), f"{thread['thread_id']} is another thread"
    if sent.get("if_exists") == "do_nothing":
        return
    asked = _storable(sent.get("metadata") or {})
    assert thread["metadata"] == asked, f"metadata became {thread['metadata']}, and is to be {asked}"
    minutes = (sent.get("ttl") or {}).get("ttl")
    told = (thread.get("ttl") or {}).get("ttl_minutes")
    assert minutes is None or told == minutes, f"ttl_minutes is {told}, and {minutes} was asked for"


def lasts(sent: Json) -> bool:
    """Whether a new thread lives long enough to be read."""
    minutes = (sent.get("ttl") or {}).get("ttl")
    return minutes is None or minutes >= BOUNDARY


def verify_busy(thread: Json) -> None:
    """A busy thread shows no error and no interrupts; any other has `error` (recorded)."""
    told = {"error", "interrupts"} & set(thread)
    assert thread.get("status") != "busy" or not told, f"a busy thread tells {_listed(told)}"
    assert thread.get("status") == "busy" or "error" in thread, f"a thread that is {thread.get('status')} has no error"


def verify_timing(header: str | None) -> None:
    """`Server-Timing` can be read: phases, and milliseconds that are not negative."""
    for entry in (header or "").split(", ") if header is not None else ():
        assert TIMING.fullmatch(entry), f"Server-Timing has {entry!r}"


def _storable(value: Any) -> Any:
    """NUL, which text in a database cannot hold, becomes U+FFFD (docs/normalisation.md)."""
    if isinstance(value, dict):
        return {_storable(key): _storable(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_storable(inner) for inner in value]
    return value.replace("\0", "\ufffd") if isinstance(value, str) else value


def _selected(select: Sequence[str]) -> set[str]:
    return {name.partition(".")[0] for name in select}


def _listed(names: Iterable[str]) -> str:
    """Names without quotes: what is quoted counts as a value, in which equal faults differ."""
    return ", ".join(sorted(names))
