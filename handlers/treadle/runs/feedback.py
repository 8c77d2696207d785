"""Feedback on a run: a signed link for each of its `feedback_keys`, and what is said by them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog
from itsdangerous import BadSignature, SignatureExpired, TimestampSigner, URLSafeTimedSerializer

from treadle.encoding import encode, parse
from treadle.errors import FeedbackForbidden
from treadle.runs.tracing import feedback_links, takes_feedback
from treadle.runs.views import timestamp
from treadle.storage.base import FeedbackStore
from treadle.storage.records import Feedback, RunRecord

MOST = 100
"""Entries that are kept of a run under one key: a link that has become known cannot fill the store."""
# Seconds that LangSmith may take to make its links before the run ends without them.
PATIENCE = 3.0
# Seconds for which it is not asked again when it did not answer: runs must not queue up behind it.
RESPITE = 30.0
# Beside the key, what is signed is said to be a link for feedback: no other signature passes for one.
PURPOSE = "treadle.feedback"
log = structlog.get_logger("treadle.runs")


class _Signer(TimestampSigner):
    """By the clock of the server."""

    def __init__(self, *arguments: Any, clock: Callable[[], float], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._clock = clock

    def get_timestamp(self) -> int:
        return int(self._clock())


class FeedbackLinks:
    """Makes the links of a run, and reads the tokens that are in them. May be used on any thread."""

    def __init__(self, secret: str | bytes, clock: Callable[[], float], *, ttl: float) -> None:
        self._serializer = URLSafeTimedSerializer(secret, PURPOSE, signer=_Signer, signer_kwargs={"clock": clock})
        self._ttl = ttl
        self._alone_until = 0.0

    async def of(self, run: RunRecord) -> dict[str, str]:
        """The URL for feedback under each key of a run that has keys: LangSmith's if it has the trace, or our own."""
        # As clients will see them: each once, and NUL as it leaves.
        keys = list(dict.fromkeys(parse(encode(run.kwargs["feedback_keys"]))))
        if takes_feedback() and monotonic() >= self._alone_until:
            try:
                async with asyncio.timeout(PATIENCE):
                    return await asyncio.to_thread(feedback_links, run.run_id, keys, timedelta(seconds=self._ttl))
            except Exception as error:  # of somebody else's server or client: no run fails or waits long for those
                if isinstance(error, TimeoutError):
                    self._alone_until = monotonic() + RESPITE
                log.warning("LangSmith made no links for feedback; using own", run_id=run.run_id, error=repr(error))
        return {key: f"{run.base_url}/runs/{run.run_id}/feedback/{self._token(run, key)}" for key in keys}

    def _token(self, run: RunRecord, key: str) -> str:
        return str(self._serializer.dumps([run.run_id, key]))

    def key(self, run_id: str, token: str) -> str:
        """The key that the token of a run is for. Raises FeedbackForbidden (403)."""
        try:
            signed_run_id, key = self._serializer.loads(token, max_age=int(self._ttl))
        except SignatureExpired:
            raise FeedbackForbidden("The link for feedback has expired") from None
        except BadSignature:
            raise FeedbackForbidden from None
        if signed_run_id != run_id:
            raise FeedbackForbidden
        return str(key)


class FeedbackBook:
    """What was said of runs."""

    def __init__(self, store: FeedbackStore, links: FeedbackLinks, clock: Callable[[], float]) -> None:
        self._store = store
        self._links = links
        self._clock = clock

    async def record(self, run_id: str, token: str, said: dict[str, Any]) -> dict[str, Any]:
        """The entry that was recorded, with `score`, `value` and `comment`; what was not said is null.

        Raises FeedbackForbidden (403), RunNotFound (404) or FeedbackFull (409).
        """
        key, now = self._links.key(run_id, token), self._clock()
        content = {name: said.get(name) for name in ("score", "value", "comment")}
        await self._store.add(run_id, Feedback(key, encode(content), now), MOST)
        return {**content, "created_at": timestamp(now)}

    async def view(self, run: RunRecord) -> list[dict[str, Any]]:
        """The API's view of what was said of a run: nothing until it has succeeded."""
        if run.outcome is None or run.outcome.feedback is None:
            return []
        entries: dict[str, list[dict[str, Any]]] = {}
        for given in await self._store.of_run(run.run_id):
            entry = {**parse(given.content), "created_at": timestamp(given.created_at)}
            entries.setdefault(given.key, []).append(entry)
        urls: dict[str, str] = parse(run.outcome.feedback)
        return [{"key": key, "url": url, "entries": entries.get(key, [])} for key, url in urls.items()]
