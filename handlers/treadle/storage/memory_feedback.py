"""Feedback in this process's memory. Confined to one event loop."""

from __future__ import annotations

from collections.abc import Callable

from treadle.errors import FeedbackFull, RunNotFound
from treadle.storage.base import FeedbackStore
from treadle.storage.records import Feedback

ENTRY_BYTES = 300
"""What an entry takes beside its content."""


class MemoryFeedbackStore(FeedbackStore):
    """One list per run."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self._given: dict[str, list[Feedback]] = {}
        self.grow: Callable[[str, int], bool] = lambda run_id, size: False
        """Adds to the size of a run; False if there is no such run."""

    async def add(self, run_id: str, given: Feedback, most: int) -> None:
        before = self._given.get(run_id, [])
        if sum(each.key == given.key for each in before) >= most:
            raise FeedbackFull
        if not self.grow(run_id, ENTRY_BYTES + len(given.content)):
            raise RunNotFound
        # The run may have grown beyond what is kept at all: then it has just been forgotten.
        if self.grow(run_id, 0):
            self._given.setdefault(run_id, []).append(given)

    async def of_run(self, run_id: str) -> list[Feedback]:
        return list(self._given.get(run_id, []))

    def forget(self, run_id: str) -> None:
        """The run is forgotten."""
        self._given.pop(run_id, None)
