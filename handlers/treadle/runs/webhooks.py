"""The webhook of an ended run: a delivery of the Run with its times and its outcome (keys in the recorded order)."""

from __future__ import annotations

from urllib.parse import urlsplit

from uuid_utils import uuid7

from treadle.encoding import encode, fragment, when
from treadle.execution.config import Deployment
from treadle.execution.endings import WebhookFor
from treadle.runs.views import NO_OUTCOME, run_view
from treadle.storage.contract.deliveries import MOMENT, Delivery
from treadle.storage.contract.runs import RunRecord


def owing(deployment: Deployment) -> WebhookFor:
    """A function that makes the webhook delivery of an ended run, if it has a `webhook`."""

    def owe(ended: RunRecord) -> Delivery | None:
        url = ended.kwargs.webhook
        if not url:
            return None
        return Delivery(
            delivery_id=f"msg_{uuid7().hex}",
            run_id=ended.run_id,
            graph_id=ended.graph_id,
            host=host_of(url),
            url=url,
            body=_body(ended, deployment),
            due=ended.ended_at or 0.0,
        )

    return owe


def host_of(url: str) -> str:
    """Host and port of a URL that was checked before; empty for a path of this server."""
    return "" if url.startswith("/") else urlsplit(url).netloc.lower()


def _body(ended: RunRecord, deployment: Deployment) -> bytes:
    """The body, with MOMENT where the time of each attempt belongs."""
    outcome = ended.outcome or NO_OUTCOME
    error = outcome.error or outcome.cancelled
    before = {
        **run_view(ended, deployment),
        "run_started_at": when(ended.started_at),
        "run_ended_at": when(ended.ended_at),
    }
    after = {"values": fragment(outcome.values), **({"error": fragment(error)} if error else {})}
    return encode(before)[:-1] + b',"webhook_sent_at":' + MOMENT + b"," + encode(after)[1:]
