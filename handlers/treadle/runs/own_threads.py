"""The thread that comes with a run: what is there until the run ends, and what it leaves if it is kept (recorded)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from treadle.encoding import encode
from treadle.storage.records import Outcome, RunRecord, ThreadRecord, ThreadState


def busy_thread(run: RunRecord) -> ThreadRecord:
    """The thread of a run that has not ended, to be kept or temporary: made with the run, named after what runs."""
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


def kept_threads(runs: Iterable[RunRecord], ttl_minutes: float | None) -> list[ThreadRecord]:
    """The threads of those runs that keep theirs."""
    return [replace(busy_thread(run), ttl_minutes=ttl_minutes) for run in runs if not run.temporary]


def left_by(outcome: Outcome, left: ThreadState | None) -> ThreadState:
    """The state of the kept thread of an ended run. `left` is what its graph left, if that is known."""
    left = left or ThreadState()
    if outcome.status in ("error", "timeout"):
        return replace(left, status="error", error=outcome.error)
    if outcome.status == "interrupted":
        return replace(left, status="interrupted", error=outcome.cancelled)
    return left


def left_by_rollback(reason: str) -> ThreadState:
    """The state of a kept thread whose run was rolled back: nothing of it, but the reason."""
    return ThreadState(error=encode({"error": "UserRollback", "message": reason}), interrupts=None)
