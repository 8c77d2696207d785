"""A checkpointer of the project's own, in a file of its own."""

from __future__ import annotations

import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

threads: set[str] = set()
"""The threads that have checkpoints."""


class NotingSaver(AsyncSqliteSaver):
    """A checkpointer that notes which threads it keeps."""

    async def aput(self, config: Any, checkpoint: Any, metadata: Any, new_versions: Any) -> Any:
        threads.add(config["configurable"]["thread_id"])
        return await super().aput(config, checkpoint, metadata, new_versions)


@asynccontextmanager
async def open_saver() -> AsyncIterator[AsyncSqliteSaver]:
    """Open the file, for as long as the server runs."""
    with tempfile.TemporaryDirectory() as folder:
        async with NotingSaver.from_conn_string(f"{folder}/checkpoints.sqlite") as saver:
            yield saver
