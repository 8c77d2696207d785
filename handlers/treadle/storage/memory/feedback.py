"""Feedback in this process's memory. Confined to one event loop."""

from __future__ import annotations

from collections.abc import Callable

from treadle.errors import FeedbackFull, RunNotFound
from treadle.storage.contract.feedback import Feedback, FeedbackStore

ENTRY_BYTES = 300
"""Bytes of an entry beside its content."""


class MemoryFeedbackStore(FeedbackStore):
    """One list per run."""

    def __init__(self, secret: bytes) -> None:
        self.secret = secret
        self._given: dict[str, list[Feedback]] = {}
        self.grow: Callable[[str, int], bool] = lambda run_id, size: False
        """Adds to the size of a run; False if there is no such run."""

    async def add(self, run_id: str, given: Feedback, most: int) -> int:
        before = sum(each.key == given.key for each in self._given.get(run_id, []))
        if before >= most:
            raise FeedbackFull
        if not self.grow(run_id, ENTRY_BYTES + len(given.content)):
            raise RunNotFound
        # The run may have exceeded the retained size: then it was just deleted.
        if self.grow(run_id, 0):
            self._given.setdefault(run_id, []).append(given)
        return before + 1

    async def of_key(self, run_id: str, key: str) -> list[Feedback]:
        if not self.grow(run_id, 0):
            raise RunNotFound
        return [each for each in self._given.get(run_id, []) if each.key == key]

    async def of_run(self, run_id: str) -> list[Feedback]:
        return list(self._given.get(run_id, []))

    def forget(self, run_id: str) -> None:
        """The run is forgotten."""
        self._given.pop(run_id, None)
