"""Standard Webhooks: the headers by which a receiver knows a delivery, and that it is ours."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime

from standardwebhooks.webhooks import Webhook

from treadle.errors import ConfigError

PREFIX = "whsec_"
# Shorter keys can be guessed; the specification allows up to 64 bytes.
LEAST, MOST = 24, 64


class Signer:
    """Signs with every secret it has, so that receivers can go over from one to the next."""

    def __init__(self, secrets: str | None) -> None:
        """Raises ConfigError, which does not show the secret."""
        self._webhooks = [Webhook(_checked(secret)) for secret in (secrets or "").split()]
        if secrets is not None and not self._webhooks:
            raise ConfigError("WEBHOOK_SECRET is empty: unset it or give it a value")

    def headers(self, delivery_id: str, at: float, body: bytes) -> dict[str, str]:
        """The headers of an attempt made `at` that time; without a secret there is no signature among them."""
        moment = datetime.fromtimestamp(int(at), UTC)
        headers = {"webhook-id": delivery_id, "webhook-timestamp": str(int(at))}
        if self._webhooks:
            text = body.decode("utf-8")
            headers["webhook-signature"] = " ".join(each.sign(delivery_id, moment, text) for each in self._webhooks)
        return headers


def _checked(secret: str) -> str:
    advice = f"WEBHOOK_SECRET: each secret must be {PREFIX} and the base64 of {LEAST} to {MOST} bytes"
    encoded = secret.removeprefix(PREFIX)
    try:
        key = base64.b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ConfigError(advice) from None
    if not secret.startswith(PREFIX) or not LEAST <= len(key) <= MOST:
        raise ConfigError(advice)
    return secret
