"""A key for each tenant, and a small cipher of Python's own parts, which is for tests only."""

from __future__ import annotations

import asyncio
import base64
import hmac
import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any

from langgraph_sdk import Encryption, EncryptionContext

encryption = Encryption()
PREFIX = "enc:"
PLAIN = {"owner", "tenant", "topic"}
SEEN: set[tuple[str, str | None, str | None]] = set()
"""Verb, model and field of each call."""


def key_of(ctx: EncryptionContext) -> bytes:
    """The key of the tenant."""
    master = os.environ.get("VAULT_MASTER", "a master key for tests").encode()
    return hmac.digest(master, str(ctx.metadata.get("tenant")).encode(), "sha256")


async def prepared(verb: str, ctx: EncryptionContext) -> bytes:
    """The key, as slow as VAULT_DELAY says; a verb in the file VAULT_BROKEN fails."""
    SEEN.add((verb, ctx.model, ctx.field))
    await asyncio.sleep(float(os.environ.get("VAULT_DELAY", "0")))
    broken = os.environ.get("VAULT_BROKEN")
    if broken and os.path.exists(broken) and verb in Path(broken).read_text().split():  # noqa: ASYNC240, PTH110
        raise ConnectionError("the vault is closed: xyzzy-secret")
    return key_of(ctx)


def lock(key: bytes, data: bytes) -> bytes:
    """The nonce, the check and the ciphertext."""
    nonce = os.urandom(16)
    body = _mixed(key, nonce, data)
    return nonce + hmac.digest(key, nonce + body, "sha256") + body


def unlock(key: bytes, data: bytes) -> bytes:
    """What was locked."""
    nonce, check, body = data[:16], data[16:48], data[48:]
    if not hmac.compare_digest(check, hmac.digest(key, nonce + body, "sha256")):
        raise ValueError("the key does not fit: xyzzy-secret")
    return _mixed(key, nonce, body)


def _mixed(key: bytes, nonce: bytes, data: bytes) -> bytes:
    blocks = (sha256(key + nonce + number.to_bytes(8)).digest() for number in range(len(data) // 32 + 1))
    return bytes(one ^ other for one, other in zip(data, b"".join(blocks), strict=False))


@encryption.encrypt.blob
async def encrypt_blob(ctx: EncryptionContext, blob: bytes) -> bytes:
    """Encrypt bytes."""
    return lock(await prepared("encrypt.blob", ctx), blob)


@encryption.decrypt.blob
async def decrypt_blob(ctx: EncryptionContext, blob: bytes) -> bytes:
    """Decrypt bytes."""
    return unlock(await prepared("decrypt.blob", ctx), blob)


@encryption.encrypt.json
async def encrypt_json(ctx: EncryptionContext, data: dict[str, Any]) -> dict[str, Any]:
    """Encrypt values, but not those that things are found by."""
    key = await prepared("encrypt.json", ctx)
    locked = {name: PREFIX + base64.b64encode(lock(key, json.dumps(data[name]).encode())).decode() for name in data}
    return {name: data[name] if name in PLAIN or data[name] is None else locked[name] for name in data}


@encryption.decrypt.json
async def decrypt_json(ctx: EncryptionContext, data: dict[str, Any]) -> dict[str, Any]:
    """Decrypt what has the prefix."""
    key = await prepared("decrypt.json", ctx)
    return {
        name: json.loads(unlock(key, base64.b64decode(value.removeprefix(PREFIX))))
        if isinstance(value, str) and value.startswith(PREFIX)
        else value
        for name, value in data.items()
    }
