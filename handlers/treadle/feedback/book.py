"""The book of feedback: records entries and makes the API's view of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from treadle.encoding import encode, parse, timestamp
from treadle.errors import FeedbackFull, RunNotFound
from treadle.feedback.links import FeedbackLinks
from treadle.storage.contract.feedback import Feedback, FeedbackStore
from treadle.storage.contract.runs import RunRecord

MOST = 100
"""Entries that are kept of a run under one key: a link that has become known cannot fill the store."""


@dataclass(frozen=True, slots=True)
class Rating:
    """What one entry says; None: nothing."""

    score: float | bool | None = None
    value: Any = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Recorded:
    """One entry."""

    key: str
    entry: dict[str, Any]
    """As the API shows it."""
    receipt: str
    """A token that finds the entry again, together with its link."""


class FeedbackBook:
    """Records and shows the feedback on runs."""

    def __init__(self, store: FeedbackStore, links: FeedbackLinks, clock: Callable[[], float]) -> None:
        self._store = store
        self._links = links
        self._clock = clock

    def key(self, run_id: str, token: str) -> str:
        """The key that a link is for. Raises FeedbackForbidden (403)."""
        return self._links.key(run_id, token)

    async def asked(self, run_id: str, token: str) -> str:
        """The key that feedback can be given under by a link.

        Raises FeedbackForbidden (403), RunNotFound (404) or FeedbackFull (409).
        """
        key = self.key(run_id, token)
        if len(await self._store.of_key(run_id, key)) >= MOST:
            raise FeedbackFull
        return key

    async def preview(self, run_id: str, token: str, rating: Rating) -> Recorded:
        """The entry that `record` would make. Raises the same errors; the receipt is empty."""
        key = await self.asked(run_id, token)
        return Recorded(key, _entry(Feedback(key, _content(rating), self._clock())), "")

    async def record(self, run_id: str, token: str, rating: Rating) -> Recorded:
        """Record an entry, and return it.

        Raises FeedbackForbidden (403), RunNotFound (404) or FeedbackFull (409).
        """
        given = Feedback(self.key(run_id, token), _content(rating), self._clock())
        number = await self._store.add(run_id, given, MOST)
        return Recorded(given.key, _entry(given), self._links.receipt(token, number))

    async def found(self, run_id: str, token: str, receipt: str) -> Recorded:
        """The entry of a link that a receipt is for. Raises FeedbackForbidden (403) or RunNotFound (404)."""
        key, number = self.key(run_id, token), self._links.number(token, receipt)
        given = await self._store.of_key(run_id, key)
        if number > len(given):  # the run was too large to be kept with it
            raise RunNotFound
        return Recorded(key, _entry(given[number - 1]), receipt)

    async def view(self, run: RunRecord) -> list[dict[str, Any]]:
        """The API's view of the feedback on a run: empty until the run has succeeded."""
        if run.outcome is None or run.outcome.feedback is None:
            return []
        entries: dict[str, list[dict[str, Any]]] = {}
        for given in await self._store.of_run(run.run_id):
            entries.setdefault(given.key, []).append(_entry(given))
        urls: dict[str, str] = parse(run.outcome.feedback)
        return [{"key": key, "url": url, "entries": entries.get(key, [])} for key, url in urls.items()]


def _entry(given: Feedback) -> dict[str, Any]:
    """An entry as the API shows it."""
    return {**parse(given.content), "created_at": timestamp(given.created_at)}


def _content(rating: Rating) -> bytes:
    """The stored content of an entry, as JSON."""
    return encode({"score": rating.score, "value": rating.value, "comment": rating.comment})
