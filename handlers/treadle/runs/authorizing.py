"""A new run as a handler of auth sees it, and the run with what the handler has changed."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import replace
from typing import Any
from uuid import UUID

from treadle.runs.request import is_reserved
from treadle.storage.contract.runs import RunKwargs, RunRecord

Json = dict[str, Any]
_IDS = frozenset({"run_id", "thread_id", "graph_id", "assistant_id"})


def run_value(run: RunRecord) -> Json:
    """The run as a handler of auth sees it, which may change metadata and kwargs: the SDK's `RunsCreate`."""
    return {
        "assistant_id": UUID(run.assistant_id),
        "thread_id": UUID(run.thread_id),
        "run_id": UUID(run.run_id),
        "status": run.status,
        "metadata": dict(run.metadata),
        "prevent_insert_if_inflight": False,
        "multitask_strategy": run.multitask_strategy,
        "if_not_exists": "create",
        "after_seconds": run.kwargs.config["configurable"]["__after_seconds__"],
        # Copied: what a handler changes in place must not change the run before it is checked.
        "kwargs": {
            **run.kwargs.to_json(),
            "config": deepcopy(run.kwargs.config),
            "context": deepcopy(run.kwargs.context),
        },
    }


def with_value(run: RunRecord, value: Json) -> RunRecord:
    """Return the run with the changes of a handler of auth. Its ids and its user stay as they were."""
    metadata, kwargs = value.get("metadata") or {}, RunKwargs.from_json(value.get("kwargs") or {})
    before = run.kwargs.config["configurable"]
    fixed = {key: before[key] for key in before if is_reserved(key) or key in _IDS}
    config = {
        **kwargs.config,
        "configurable": {**(kwargs.config.get("configurable") or {}), **fixed},
        "metadata": {**(kwargs.config.get("metadata") or {}), **metadata, "assistant_id": run.assistant_id},
    }
    return run._replace(metadata={**metadata, "assistant_id": run.assistant_id}, kwargs=replace(kwargs, config=config))
