"""Feedback on runs, from whoever has a link for it."""

from __future__ import annotations

from typing import cast

import treadle_api.operations as op
from treadle.errors import InvalidRequest
from treadle.runs.feedback import FeedbackBook
from treadle.web.binding import Call
from treadle.web.replies import Json, Reply
from treadle_api import results

MOST_FEEDBACK_BYTES = 64 * 1024
"""Of a body: no key of the API is asked for here, and its texts are short."""
# What a link that is opened says with text.
SPELLED = {"true": True, "false": False}


class FeedbackAccess:
    """Handlers of `GET` and `POST /runs/{run_id}/feedback/{token}`."""

    def __init__(self, feedback: FeedbackBook) -> None:
        self._feedback = feedback

    async def give_feedback_by_link(
        self, call: Call[op.GiveFeedbackByLinkBody, op.GiveFeedbackByLinkParameters]
    ) -> Reply[op.GiveFeedbackByLinkResult]:
        """Record what the query says; without any of it nothing is recorded, whoever fetches the link."""
        given = call.parameters
        score = SPELLED[given.score] if isinstance(given.score, str) else given.score
        said = {"score": score, "value": given.value, "comment": given.comment}
        if all(each is None for each in said.values()):
            raise InvalidRequest("score, value, comment: give at least one of them in the query")
        entry = await self._feedback.record(str(given.run_id), given.token, said)
        return Json(cast(results.FeedbackEntry, entry))

    async def give_feedback(
        self, call: Call[op.GiveFeedbackBody, op.GiveFeedbackParameters]
    ) -> Reply[op.GiveFeedbackResult]:
        """Record what the body says."""
        entry = await self._feedback.record(str(call.parameters.run_id), call.parameters.token, call.document)
        return Json(cast(results.FeedbackEntry, entry))
