"""The kinds of threads and states in a whole run: a fuzzer that reads only empty threads tests no states."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

ALL = (
    "busy thread",
    "failed thread",
    "interrupted thread",
    "thread with a lifetime",
    "state with a checkpoint",
    "state inside a state",
    "selected state",
    "history of several states",
    "history of a subgraph",
)


def facts(label: str, answer: Any) -> Iterator[str]:
    """The facts that a successful answer to one operation shows."""
    if label in ("POST /threads", "GET /threads/{thread_id}") and isinstance(answer, dict):
        yield from _of_thread(answer)
    elif "/state" in label and isinstance(answer, dict):
        yield from _of_state(answer)
    elif label.endswith("/history") and isinstance(answer, list):
        if len(answer) > 1:
            yield "history of several states"
        if any((state.get("checkpoint") or {}).get("checkpoint_ns") for state in answer):
            yield "history of a subgraph"


def _of_thread(thread: dict[str, Any]) -> Iterator[str]:
    if thread.get("status") == "busy":
        yield "busy thread"
    if thread.get("error"):
        yield "failed thread"
    if thread.get("interrupts"):
        yield "interrupted thread"
    if thread.get("ttl"):
        yield "thread with a lifetime"


def _of_state(state: dict[str, Any]) -> Iterator[str]:
    if state.get("checkpoint"):
        yield "state with a checkpoint"
    if state and "checkpoint" not in state:
        yield "selected state"
    if any(task.get("state") for task in state.get("tasks", ())):
        yield "state inside a state"
