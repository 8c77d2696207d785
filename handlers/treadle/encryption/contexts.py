"""The context of each request: what its header says, or the author's handler makes of its user."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from treadle.encoding import parse
from treadle.encryption.current import current_context, enter
from treadle.encryption.handlers import Handlers
from treadle.errors import InvalidRequest
from treadle.users import User

Json = dict[str, Any]
HEADER = b"x-encryption-context"


class Anybody:
    """The user whom the author's handler sees where there is no `auth`."""

    is_authenticated = False
    identity = ""
    display_name = ""
    permissions: tuple[str, ...] = ()


class RequestContexts:
    """Finds the context of a request, after its user is known."""

    def __init__(self, handlers: Handlers) -> None:
        self._handlers = handlers

    async def enter(self, header: bytes | None, user: User | None, *, inside: bool) -> None:
        """Encrypt with its context what the request stores. One from `inside` a node has that of the run, by default.

        Raises InvalidRequest (422) for a header that is malformed, EncryptionFailed (500).
        """
        given = (current_context() if inside else None) or {}
        if header is not None:
            given = read_context(header)
        whose = Anybody() if user is None else user
        enter(await self._handlers.here(lambda: self._handlers.context(whose, given)))


def read_context(header: bytes) -> Json:
    """The JSON object in the header. Raises InvalidRequest (422)."""
    try:
        context = parse(base64.b64decode(header, validate=True))
    except (binascii.Error, ValueError, RecursionError):
        context = None
    if not isinstance(context, dict):
        raise InvalidRequest("X-Encryption-Context: it must be the base64 of a JSON object")
    return context
