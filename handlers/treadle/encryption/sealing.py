"""Sealed data: what the author's handlers have encrypted, with the context that they need to decrypt it.

Data without such an envelope is as it was before encryption was configured, and is read as it is.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Final, TypeVar

from treadle.encoding import dump, encode, json_copy, parse
from treadle.encryption.handlers import Handlers
from treadle.errors import EncryptionFailed, InvalidRequest

Json = dict[str, Any]
T = TypeVar("T")
CONTEXT: Final = "__encryption_context__"
"""The key of a sealed JSON object that has the context."""
NOT_ENCRYPTED: Final = encode({"error": "EncryptionFailed", "message": "The outcome of the run cannot be encrypted"})
"""The error of a run whose outcome could not be encrypted. It is stored as it is."""
PATIENCE: Final = 30.0
"""Seconds for which it is tried again to encrypt what a run leaves; then it ends without that."""
# Before the length of the context in four bytes, the context and the ciphertext. No JSON begins so.
_MAGIC: Final = b"\0treadle-sealed\0"
_TEXT: Final = "treadle-sealed:"
_SAYING_NOTHING: Final = frozenset({b"", b"{}", b"[]", b"null", NOT_ENCRYPTED})


class Sealing:
    """Seals and opens data. All methods but `here` are called on the graphs' home loop, and raise EncryptionFailed.

    A kind of data for which there is no handler that encrypts stays as it is.
    """

    def __init__(self, handlers: Handlers) -> None:
        self.handlers = handlers
        self.here = handlers.here
        """Does work on the home loop, from any loop."""

    async def json(self, context: Json, model: str, field: str, document: Json) -> Json:
        """The sealed object. Raises InvalidRequest (422) if it has the key of the context."""
        if CONTEXT in document:
            raise InvalidRequest(f"{field}: the key {CONTEXT} is the server's own")
        if not document or not self.handlers.has_json:
            return document
        # A copy, with what JSON makes of the values: the handler may change what it gets.
        made = await self.handlers.encrypt_json(context, model, field, parse(dump(document)))
        return {**made, CONTEXT: context}

    async def open_json(self, model: str, field: str, stored: Json) -> Json:
        """The object that was sealed."""
        if CONTEXT not in stored:
            return stored
        sealed = {key: json_copy(value) for key, value in stored.items() if key != CONTEXT}
        return await self.handlers.decrypt_json(stored[CONTEXT], model, field, sealed)

    async def blob(self, context: Json, model: str, field: str, plain: bytes) -> bytes:
        """The sealed bytes."""
        if plain in _SAYING_NOTHING or not self.handlers.has_blob:
            return plain
        about = dump(context)
        made = await self.handlers.encrypt_blob(context, model, field, plain)
        return b"".join((_MAGIC, len(about).to_bytes(4), about, made))

    async def open_blob(self, model: str, field: str, stored: bytes) -> bytes:
        """The bytes that were sealed."""
        if not is_sealed(stored):
            return stored
        start = len(_MAGIC) + 4
        end = start + int.from_bytes(stored[len(_MAGIC) : start])
        return await self.handlers.decrypt_blob(parse(stored[start:end]), model, field, stored[end:])

    async def part(self, context: Json, model: str, field: str, plain: bytes | None) -> bytes | None:
        """As `blob`, for what may be missing."""
        return None if plain is None else await self.blob(context, model, field, plain)

    async def open_part(self, model: str, field: str, stored: bytes | None) -> bytes | None:
        """As `open_blob`, for what may be missing."""
        return None if stored is None else await self.open_blob(model, field, stored)

    async def document(self, context: Json, model: str, field: str, plain: bytes | None) -> bytes | None:
        """The sealed JSON document: an object as `json` seals it, if it can, and any other one as a blob."""
        if plain is None or plain in _SAYING_NOTHING:
            return plain
        value = parse(plain) if self.handlers.has_json and plain.startswith(b"{") else None
        if isinstance(value, dict) and CONTEXT not in value:
            return dump(await self.json(context, model, field, value))
        if not self.handlers.has_blob and isinstance(value, dict):
            raise EncryptionFailed(f"Data cannot be encrypted: the {field} of a {model} have the key {CONTEXT}")
        return await self.blob(context, model, field, plain)

    async def open_document(self, model: str, field: str, stored: bytes | None) -> bytes | None:
        """The JSON document that was sealed."""
        if stored is None or is_sealed(stored):
            return await self.open_part(model, field, stored)
        if CONTEXT.encode() not in stored:
            return stored
        value = parse(stored)
        return encode(await self.open_json(model, field, value)) if isinstance(value, dict) else stored

    async def text(self, context: Json, model: str, field: str, plain: str) -> str:
        """The sealed text, as a text."""
        made = await self.blob(context, model, field, plain.encode())
        return _TEXT + base64.b64encode(made).decode() if is_sealed(made) else plain

    async def open_text(self, model: str, field: str, stored: str) -> str:
        """The text that was sealed."""
        if not stored.startswith(_TEXT):
            return stored
        return (await self.open_blob(model, field, base64.b64decode(stored.removeprefix(_TEXT)))).decode()


def is_sealed(value: Any) -> bool:
    """Whether these are bytes that `Sealing.blob` has sealed."""
    return isinstance(value, bytes) and value.startswith(_MAGIC)


async def each(work: Callable[[T], Awaitable[Any]], items: Iterable[T]) -> list[Any]:
    """The results of `work` on each item, which is under way on all of them at once."""
    return await asyncio.gather(*map(work, items))
