"""Links for feedback on a run: one for each of its `feedback_keys`, signed here or made by LangSmith."""

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
from treadle.feedback.langsmith import feedback_links, takes_feedback
from treadle.storage.contract.runs import RunRecord

# Seconds that LangSmith may take to make its links before the run ends without them.
PATIENCE = 3.0
# Seconds for which it is not asked again when it did not answer: runs must not queue up behind it.
RESPITE = 30.0
# The salt of links: signatures made for other purposes are not accepted.
PURPOSE = "treadle.feedback"
# The salt of receipts: an entry can be found again only by the link that recorded it.
RECEIPT = "treadle.feedback.receipt:{token}"
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
        keys = list(dict.fromkeys(parse(encode(run.kwargs.feedback_keys))))
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

    def receipt(self, token: str, number: int) -> str:
        """The receipt of entry `number`: together with the token of its link, it finds the entry again."""
        return str(self._serializer.dumps(number, salt=RECEIPT.format(token=token)))

    def number(self, token: str, receipt: str) -> int:
        """The number of the entry that a receipt is for. Raises FeedbackForbidden (403)."""
        try:
            return int(self._serializer.loads(receipt, max_age=int(self._ttl), salt=RECEIPT.format(token=token)))
        except BadSignature:
            raise FeedbackForbidden("receipt: not one for this link") from None
