"""Feedback on runs through their links: JSON for programs, pages for browsers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, cast
from urllib.parse import parse_qsl

from starlette.types import Scope

import treadle_api.operations as op
from treadle.encoding import decode
from treadle.errors import FeedbackForbidden, InvalidRequest
from treadle.feedback.book import FeedbackBook, Rating, Recorded
from treadle.web.binding import Call
from treadle.web.feedback_pages import HEADERS, FeedbackPages
from treadle.web.negotiation import prefers_html
from treadle.web.parameters import read_number
from treadle.web.replies import Failure, Json, Reply
from treadle_api import results

MOST_FEEDBACK_BYTES = 64 * 1024
"""Of a body: no key of the API is asked for here, and its texts are short."""
MOST_FIELDS = 10
"""Of a form: so many are read before it is refused."""
FORM: Final = b"application/x-www-form-urlencoded"
# What a link that is opened, or a form, says with text.
SPELLED = {"true": True, "false": False}


class FeedbackHandlers:
    """Handlers of `GET` and `POST /runs/{run_id}/feedback/{token}`."""

    def __init__(self, feedback: FeedbackBook) -> None:
        self._feedback = feedback
        self._pages = FeedbackPages()

    async def give_feedback_by_link(
        self, call: Call[op.GiveFeedbackByLinkBody, op.GiveFeedbackByLinkParameters]
    ) -> Reply[op.GiveFeedbackByLinkResult]:
        """Record the entry in the query. A link without a query records nothing."""
        given = call.parameters
        run_id, token = str(given.run_id), given.token
        if given.receipt is not None:
            return self._answer(call.scope, await self._feedback.found(run_id, token, given.receipt))
        score = SPELLED[given.score] if isinstance(given.score, str) else given.score
        rating = Rating(score, given.value, given.comment)
        if rating != Rating():
            # A HEAD records nothing: it learns what a GET would be told.
            records = call.scope["method"] != "HEAD"
            record = self._feedback.record if records else self._feedback.preview
            return self._answer(call.scope, await record(run_id, token, rating), new=records)
        if prefers_html(call.scope):
            return self._pages.question(await self._feedback.asked(run_id, token))
        raise InvalidRequest("score, value, comment: give at least one of them in the query")

    async def give_feedback(
        self, call: Call[op.GiveFeedbackBody, op.GiveFeedbackParameters]
    ) -> Reply[op.GiveFeedbackResult]:
        """Record the entry in the body."""
        rating = Rating(call.body.score, call.body.value, call.body.comment)
        recorded = await self._feedback.record(str(call.parameters.run_id), call.parameters.token, rating)
        return self._answer(call.scope, recorded, new=True)

    def failure(self, scope: Scope, status: int, detail: str, headers: Mapping[str, str]) -> Reply[Any]:
        """The answer to a request that failed."""
        if not prefers_html(scope):
            return Failure(status, detail, {**HEADERS, **headers})
        return self._pages.problem(status, headers, self._key(scope) if status == 422 else None)

    def _key(self, scope: Scope) -> str | None:
        """The key that the link of a request is for; None if it is no link."""
        try:
            return self._feedback.key(**scope["path_params"])
        except FeedbackForbidden:
            return None

    def _answer(self, scope: Scope, recorded: Recorded, *, new: bool = False) -> Reply[results.FeedbackEntry]:
        """The recorded entry. A browser is redirected after a new one, so that reloading its page records nothing."""
        if not prefers_html(scope):
            return Json(cast(results.FeedbackEntry, recorded.entry), headers=HEADERS)
        # Relative: behind a proxy, only the browser knows the whole path.
        return self._pages.thanks(recorded, location=f"?receipt={recorded.receipt}" if new else None)


def read_feedback(body: bytes, headers: Mapping[bytes, bytes]) -> Any:
    """The document in a body, which is JSON or a form. Raises InvalidRequest (422) if it is neither."""
    media_type = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    # curl says that JSON is a form if it is not told otherwise; no form begins with a brace.
    return _read_form(body) if media_type == FORM and not body.lstrip().startswith(b"{") else decode(body)


def _read_form(body: bytes) -> dict[str, Any]:
    """The fields of a form as a JSON document, without empty ones."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise InvalidRequest("Invalid form in request body") from None
    said: dict[str, Any] = {name: text for name, text in pairs if text or name not in op.GiveFeedbackBody.model_fields}
    if "score" in said:
        text = said["score"]
        said["score"] = SPELLED[text] if text in SPELLED else read_number(text)
    if "comment" in said:
        # As it was written: browsers send each new line as two characters.
        said["comment"] = said["comment"].replace("\r\n", "\n")
    return said
