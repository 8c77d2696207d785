"""Feedback on runs."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Feedback:
    """One entry of feedback on a run, under one of its keys. `content` is JSON."""

    key: str
    content: bytes
    created_at: float


class FeedbackStore(ABC):
    """Feedback on runs. It is deleted with its run, and counts towards the size of the run."""

    secret: bytes
    """Secret for signing links: shared by all processes of the store, and as durable as the store."""

    @abstractmethod
    async def add(self, run_id: str, given: Feedback, most: int) -> int:
        """Commit one entry, and return the number of entries under its key.

        Raises RunNotFound if the run is unknown or its retention has ended, and FeedbackFull if it already has `most`
        entries under the key.
        """

    @abstractmethod
    async def of_key(self, run_id: str, key: str) -> list[Feedback]:
        """The entries of a run under a key, the oldest first.

        Raises RunNotFound if the run is unknown or its retention has ended.
        """

    @abstractmethod
    async def of_run(self, run_id: str) -> list[Feedback]:
        """The entries of a run, the oldest first."""
