"""Changes a valid `Idempotency-Key` before it is sent: equal requests share a key, different requests do not.

A key that two requests share is refused with 409 by design, and fuzzers are fond of short ones. Invalid requests get a
key of their own too: a 409 would hide that the server has not looked at what is wrong with them.
"""

from __future__ import annotations

import json
import re
from hashlib import sha256
from typing import Any

LONGEST = 255
VALID = re.compile(r"[ -~]*[!-~][ -~]*")


def own_key(key: str, path: str, body: Any) -> str:
    """The key for this request. Equal requests get the same key, so some requests are repeated now and then."""
    digest = sha256(json.dumps([key, path, body], sort_keys=True, default=str).encode()).hexdigest()[:32]
    return key[: LONGEST - len(digest)].rstrip() + digest


def is_key(value: Any) -> bool:
    """Whether a value may be a key: one that may not has to be sent as it is."""
    return isinstance(value, str) and len(value) <= LONGEST and VALID.fullmatch(value) is not None
