"""When a request is sent again, and after which pause."""

from __future__ import annotations

import random
import time
from contextlib import suppress
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

import httpx

from treadle_client.errors import APIConnectionError, APITimeoutError, TreadleError, status_error

BUSY = frozenset({408, 429, 502, 503, 504})
"""Statuses that may be gone a moment later."""
FIRST, LONGEST = 0.5, 8.0
"""Seconds of the first pause, and of the longest that the client chooses; each pause is twice as long as the last."""
PATIENCE = 60.0
"""Seconds of the longest pause that a server may ask for."""
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)
"""Failures before the server can have seen anything of a request."""
HOPELESS = (httpx.LocalProtocolError, httpx.UnsupportedProtocol, httpx.TooManyRedirects)
"""Failures that another attempt would meet again."""
CARRIED_OUT = frozenset({502, 504})
"""Statuses of a gateway that may have passed the request on."""


def pause(attempt: int, response: httpx.Response | None = None) -> float:
    """Seconds after this attempt, the first of which is 0; those of `Retry-After`, but at most PATIENCE."""
    asked = _asked(response.headers.get("retry-after", "")) if response is not None else None
    if asked is not None:
        return min(max(asked, 0.0), PATIENCE)
    # Jitter: clients that failed together do not come back together.
    return min(FIRST * 2.0 ** min(attempt, 10), LONGEST) * random.uniform(0.5, 1.0)


def _asked(value: str) -> float | None:
    """Seconds, of a number or of a date."""
    with suppress(ValueError):
        return float(value) if value.isascii() and not value.startswith("-") else None
    with suppress(ValueError):
        return parsedate_to_datetime(value).timestamp() - time.time()
    return None


@dataclass(slots=True)
class Retries:
    """The attempts of one request."""

    repeatable: bool
    limit: int
    lost: bool = field(default=False, init=False)
    """Whether the server may have carried out an attempt whose answer did not come."""
    attempt: int = field(default=0, init=False)

    def after_error(self, error: httpx.RequestError) -> float:
        """Seconds before the next attempt. Raises APIConnectionError if there is none."""
        never_sent = isinstance(error, NEVER_SENT)
        self.lost |= not never_sent
        hopeless = isinstance(error, HOPELESS)
        if hopeless or not (self.repeatable or never_sent) or self.attempt >= self.limit:
            raise connection_error(error) from error
        return self._next()

    def after_response(self, response: httpx.Response) -> float | None:
        """Seconds before the next attempt; None if the answer is to be read. Raises APIStatusError for a refusal."""
        if response.is_success:
            return None
        if response.status_code == 404 and self.lost and response.request.method == "DELETE":
            return None  # an earlier attempt has deleted it
        if response.status_code not in BUSY or not self.repeatable or self.attempt >= self.limit:
            raise status_error(response)
        self.lost |= response.status_code in CARRIED_OUT
        return self._next(response)

    def _next(self, response: httpx.Response | None = None) -> float:
        seconds = pause(self.attempt, response)
        self.attempt += 1
        return seconds


def connection_error(error: httpx.RequestError) -> TreadleError:
    """The client's own exception for one of httpx. What could not even be sent may be a secret, and is not shown."""
    if isinstance(error, httpx.LocalProtocolError):
        return APIConnectionError("LocalProtocolError: a header or another part of the request cannot be sent")
    kind = APITimeoutError if isinstance(error, httpx.TimeoutException) else APIConnectionError
    return kind(f"{type(error).__name__}: {error}" if str(error) else type(error).__name__)
