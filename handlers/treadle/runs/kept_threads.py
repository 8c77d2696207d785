"""What a kept run means for its thread: what is there while it runs, and what it leaves (recorded)."""

from __future__ import annotations

from dataclasses import replace

from treadle.encoding import encode
from treadle.storage.base import Outcome, RunRecord, ThreadRecord, ThreadState


def thread_of(run: RunRecord) -> ThreadRecord:
    """The thread of a run that has not ended, made with the run: busy, named after what runs."""
    created_at: float = run.kwargs["config"]["configurable"]["__request_start_time_ms__"] / 1000
    return ThreadRecord(
        thread_id=run.thread_id,
        graph_id=run.graph_id,
        metadata={"graph_id": run.graph_id, "assistant_id": run.assistant_id, **run.metadata},
        config={"configurable": {}},
        graph_config=run.kwargs["config"],
        created_at=created_at,
        updated_at=created_at,
        state_updated_at=created_at,
        state=ThreadState("busy", interrupts=None),
    )


def left_by(outcome: Outcome, left: ThreadState | None) -> ThreadState:
    """The state of the thread of an ended run. `left` is what its graph left, if that is known."""
    left = left or ThreadState()
    if outcome.status in ("error", "timeout"):
        return replace(left, status="error", error=outcome.error)
    if outcome.status == "interrupted":
        return replace(left, status="interrupted", error=outcome.cancelled)
    return left


def left_by_rollback(reason: str) -> ThreadState:
    """The state of a thread whose run was rolled back: nothing of it, but the reason."""
    return ThreadState(error=encode({"error": "UserRollback", "message": reason}), interrupts=None)
