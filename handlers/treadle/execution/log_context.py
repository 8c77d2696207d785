"""Which run, thread, graph and node a log record belongs to, for everything that is logged while a graph runs."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

import structlog
from langchain_core.runnables.config import var_child_runnable_config

from treadle.storage.contract.runs import RunRecord


def bind_run(run: RunRecord) -> None:
    """Name the run in each record that the running task, its tasks and the threads of their nodes log from now on."""
    structlog.contextvars.bind_contextvars(run_id=run.run_id, thread_id=run.thread_id, graph=run.graph_id)


def add_node(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The structlog processor that names the node whose code logs."""
    config = var_child_runnable_config.get()
    if config is not None and (node := config.get("metadata", {}).get("langgraph_node")):
        event.setdefault("node", node)
    return event
