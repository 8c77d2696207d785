"""Changes a valid `Idempotency-Key` before it is sent: equal requests share a key, different requests do not.

A key that two requests share is refused with 409 by design, and fuzzers are fond of short ones.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

LONGEST = 255


def own_key(key: str, path: str, body: Any) -> str:
    """The key for this request. Equal requests get the same key, so some requests are repeated now and then."""
    digest = sha256(json.dumps([key, path, body], sort_keys=True).encode()).hexdigest()[:32]
    return key[: LONGEST - len(digest)].rstrip() + digest
