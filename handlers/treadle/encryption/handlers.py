"""Calls the author's handlers of `langgraph_sdk.Encryption`, on the graphs' home loop."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn, TypeVar
from weakref import WeakValueDictionary

import orjson
import structlog
from langgraph_sdk import Encryption
from langgraph_sdk.encryption.types import EncryptionContext

from treadle.encoding import dump, json_copy
from treadle.errors import EncryptionFailed
from treadle.graphs.event_loops import GraphLoop
from treadle.tracebacks import raised_at

Json = dict[str, Any]
T = TypeVar("T")
AT_ONCE = 256
"""Calls of handlers with one context that may be under way in a process: no tenant holds up the others."""
LONGEST = 10.0
"""Seconds that a handler may take: less than a lease, within which claimed runs have to begin."""
log = structlog.get_logger("treadle.encryption")


class Handlers:
    """Calls the handlers of one `Encryption`. Call all methods but `here` and `from_thread` on the home loop.

    The methods raise EncryptionFailed (500) if a handler fails. Neither its message nor the log has the text of the
    handler's exception: it may quote private data.
    """

    def __init__(self, encryption: Encryption, home: GraphLoop) -> None:
        self._encrypt_json = encryption._json_encryptor
        self._decrypt_json = encryption._json_decryptor
        self._encrypt_blob = encryption._blob_encryptor
        self._decrypt_blob = encryption._blob_decryptor
        self._context = encryption._context_handler
        self._home = home
        self._free: WeakValueDictionary[bytes, asyncio.Semaphore] = WeakValueDictionary()
        self.has_json = self._encrypt_json is not None
        self.has_blob = self._encrypt_blob is not None
        if not (self.has_json and self.has_blob):
            kind = "blob" if self.has_json else "json"
            log.warning(f"encrypt.{kind} has no handler: what it would encrypt is stored as it is")

    async def here(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do `work` on the home loop, from any loop."""
        if asyncio.get_running_loop() is self._home.loop:
            return await work()
        return await self._home.call(work)

    def from_thread(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Do `work` on the home loop, for synchronous code on another thread."""
        try:
            here: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            here = None
        if here is self._home.loop:
            raise EncryptionFailed(
                "A synchronous call in an async node would wait for itself, as the handlers of encryption are async: "
                "await the async method instead"
            )
        return asyncio.run_coroutine_threadsafe(work(), self._home.loop).result()

    async def context(self, user: Any, given: Json) -> Json:
        """The context of a request by `user`, whose header had `given`."""
        if self._context is None:
            return given
        made = await self._call("context", self._context, user, EncryptionContext(metadata=json_copy(given)))
        return self._document("context", made)

    async def encrypt_json(self, context: Json, model: str, field: str, document: Json) -> Json:
        """The document with encrypted values and the same keys."""
        about = EncryptionContext(model, json_copy(context), field)
        keys = set(document)  # the handler may change what it gets
        made = self._document("encrypt.json", await self._call("encrypt.json", self._encrypt_json, about, document))
        if made.keys() != keys:
            self._fail("encrypt.json", f"of {model}.{field}: it added or removed keys, and may only change values")
        return made

    async def decrypt_json(self, context: Json, model: str, field: str, document: Json) -> Json:
        """The document as it was."""
        about = EncryptionContext(model, json_copy(context), field)
        keys = set(document)
        made = _plaintext(await self._call("decrypt.json", self._decrypt_json, about, document))
        made = self._document("decrypt.json", made)
        if made.keys() != keys:
            self._fail("decrypt.json", f"of {model}.{field}: it added or removed keys, and may only change values")
        return made

    async def encrypt_blob(self, context: Json, model: str, field: str, blob: bytes) -> bytes:
        """The encrypted bytes."""
        about = EncryptionContext(model, json_copy(context), field)
        return self._bytes("encrypt.blob", await self._call("encrypt.blob", self._encrypt_blob, about, blob))

    async def decrypt_blob(self, context: Json, model: str, field: str, blob: bytes) -> bytes:
        """The bytes as they were."""
        about = EncryptionContext(model, json_copy(context), field)
        made = _plaintext(await self._call("decrypt.blob", self._decrypt_blob, about, blob))
        return self._bytes("decrypt.blob", made)

    async def _call(self, name: str, handler: Callable[..., Any] | None, first: Any, second: Any) -> Any:
        if handler is None:
            self._fail(name, "is missing, and what is stored needs it")
        about = first if isinstance(first, EncryptionContext) else second
        free = self._free.setdefault(dump(about.metadata), asyncio.Semaphore(AT_ONCE))
        async with free:
            try:
                async with asyncio.timeout(LONGEST):
                    return await handler(first, second)
            except asyncio.CancelledError as error:
                task = asyncio.current_task()
                if task is not None and task.cancelling():  # the request itself has ended
                    raise
                kind, place = type(error).__name__, raised_at(error)
            except TimeoutError as error:
                kind, place = f"TimeoutError; it has {LONGEST:g} seconds", raised_at(error)
            except BaseException as error:  # the author's code, SystemExit too; its text may quote what is private
                kind, place = type(error).__name__, raised_at(error)
        return self._fail(name, f"failed with {kind}", place)

    def _document(self, name: str, made: Any) -> Json:
        if isinstance(made, dict) and _is_json(made):
            return made
        unknown = "an object with a value that JSON does not know"
        return self._fail(name, f"returned {unknown if isinstance(made, dict) else f'a {type(made).__name__}'}")

    def _bytes(self, name: str, made: Any) -> bytes:
        return made if isinstance(made, bytes) else self._fail(name, f"returned a {type(made).__name__}, and no bytes")

    def _fail(self, name: str, what: str, place: str | None = None) -> NoReturn:
        """Raises EncryptionFailed. Not called while an exception of the author's is handled: logs would show it."""
        log.error("encryption failed", handler=name, fault=what, **({"place": place} if place else {}))
        about = "The context of the request cannot be made"
        if name != "context":
            about = f"Data cannot be {name.partition('.')[0]}ed"
        raise EncryptionFailed(f"{about}: the handler {name} {what}")


def _plaintext(made: Any) -> Any:
    """What a handler decrypted: as it is, or in a DecryptResult, which older SDKs do not have."""
    return made if isinstance(made, dict | bytes) else getattr(made, "plaintext", made)


def _is_json(document: Json) -> bool:
    """Whether JSON has the document as it is: bytes in it would come back as something else."""
    try:
        orjson.dumps(document)
    except TypeError:
        try:  # integers beyond 64 bits
            json.dumps(document)
        except (TypeError, ValueError):
            return False
    return True
