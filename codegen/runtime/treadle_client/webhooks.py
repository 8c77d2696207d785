"""Webhooks: the request that the server sends after a run, verified and typed."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from treadle_client import results
from treadle_client.documents import typed
from treadle_client.errors import TreadleError

TOLERANCE = 300
"""Seconds that a delivery may be old, or ahead of this machine's clock."""
LONGEST_TIME = 12
"""Digits of a number of seconds since 1970."""


class WebhookError(TreadleError):
    """A request is no webhook of the server's; the message says why."""


class Webhook(results.Run, kw_only=True):
    """A run that has ended, with its outcome."""

    run_started_at: datetime | None
    """When the graph was started."""
    run_ended_at: datetime | None
    """When the run ended."""
    webhook_sent_at: datetime | None = None
    """When this attempt was sent."""
    values: Any = None
    """The output of the graph; null if there is none."""
    error: results.RunFailure | None = None
    """Why the run failed; null if it did not."""


def unwrap(
    body: bytes | str,
    headers: Mapping[str, str],
    secret: str,
    *,
    tolerance: float = TOLERANCE,
    now: float | None = None,
) -> Webhook:
    """The run of a webhook whose signature is that of the secret (`whsec_…`).

    Args:
        body: As it came, byte for byte.
        headers: Of the request, in any case. `webhook-id` tells a repetition from a new delivery.
        secret: The server's WEBHOOK_SECRET, or several of them, separated by spaces.
        tolerance: Seconds that the delivery may be old.
        now: Seconds since 1970; the time of this machine if it is left out.

    Raises WebhookError if a header is missing, the time is too far away, the signature is wrong, or the body is no run.
    """
    raw = body.encode("utf-8", "surrogatepass") if isinstance(body, str) else body
    lower = {name.lower(): value for name, value in headers.items()}
    try:
        delivery, moment, signed = (lower[f"webhook-{part}"] for part in ("id", "timestamp", "signature"))
    except KeyError as error:
        raise WebhookError(f"there is no header {error.args[0]}") from None
    if (
        not (moment.isascii() and moment.isdecimal() and len(moment) <= LONGEST_TIME)
        or abs((time.time() if now is None else now) - int(moment)) > tolerance
    ):
        raise WebhookError("webhook-timestamp is too far from now")
    content = f"{delivery}.{moment}.".encode() + raw
    good = [_signature(key, content) for key in secret.split()]
    given = [part.removeprefix("v1,").encode("utf-8", "replace") for part in signed.split() if part.startswith("v1,")]
    if not any(hmac.compare_digest(one, other) for one in good for other in given):
        raise WebhookError("webhook-signature is not that of the secret")
    try:
        webhook: Webhook = typed(json.loads(raw), Webhook)
    except ValueError as error:
        raise WebhookError(f"the body is no run: {error}") from error
    return webhook


def _signature(secret: str, content: bytes) -> bytes:
    encoded = secret.removeprefix("whsec_")
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        key = b""
    if not key:
        raise WebhookError("the secret must be whsec_ and base64")
    return base64.b64encode(hmac.new(key, content, hashlib.sha256).digest())
