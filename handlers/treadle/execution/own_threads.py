"""The thread that is made with a run, and the state that the run leaves in it (recorded)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from treadle.encoding import encode
from treadle.storage.contract.runs import Outcome, RunRecord
from treadle.storage.contract.threads import ThreadRecord, ThreadState, ThreadTtl


def busy_thread(run: RunRecord) -> ThreadRecord:
    """The thread of a run that has not ended, kept or temporary. It is made with the run, for its graph."""
    created_at: float = run.kwargs.config["configurable"]["__request_start_time_ms__"] / 1000
    return ThreadRecord(
        thread_id=run.thread_id,
        graph_id=run.graph_id,
        metadata={"graph_id": run.graph_id, "assistant_id": run.assistant_id, **_given(run.metadata)},
        config={"configurable": {}},
        graph_config=run.kwargs.config,
        created_at=created_at,
        updated_at=created_at,
        state_updated_at=created_at,
        state=ThreadState("busy", interrupts=None),
    )


def _given(metadata: dict[str, Any]) -> dict[str, Any]:
    """The metadata of a run without the key of its assistant, which threads do not have (recorded)."""
    return {key: value for key, value in metadata.items() if (key, value) != ("created_by", "system")}


def kept_threads(runs: Iterable[RunRecord], ttl: ThreadTtl) -> list[ThreadRecord]:
    """The threads of those runs that keep theirs."""
    return [replace(busy_thread(run), ttl=ttl) for run in runs if not run.temporary]


def left_by(outcome: Outcome, left: ThreadState | None) -> ThreadState:
    """The state of the kept thread of an ended run. `left` is the state that its graph left, if known."""
    left = left or ThreadState()
    if outcome.status in ("error", "timeout"):
        return replace(left, status="error", error=outcome.error)
    if outcome.status == "interrupted":
        return replace(left, status="interrupted", error=outcome.cancelled)
    return left


def left_by_rollback(reason: str) -> ThreadState:
    """The state of a kept thread whose run was rolled back: only the reason."""
    return ThreadState(error=encode({"error": "UserRollback", "message": reason}), interrupts=None)
