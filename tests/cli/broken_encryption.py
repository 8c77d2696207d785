"""Projects whose `encryption` is broken."""

from __future__ import annotations

from tests.cli.broken_projects import section

VAULT = """from langgraph_sdk import Encryption
vault = Encryption()
@vault.encrypt.json
async def lock(ctx, data): return data
"""
HERE = {"path": "./vault.py:vault"}
BEGINNING = "encryption.path (./vault.py:vault): "
BROKEN = {
    "encryption of no file": section("encryption", HERE, BEGINNING, "no file "),
    "encryption of a text": section("encryption", "./vault.py:vault", '"encryption" must be an object'),
    "encryption without path": section(
        "encryption",
        {"pth": "./vault.py:vault"},
        "encryption.path is missing: name the langgraph_sdk.Encryption object",
    ),
    "encryption by an odd path": section(
        "encryption", {"path": "./vault.py"}, "encryption.path must be ", "./vault.py"
    ),
    "a further key of encryption": section(
        "encryption", {**HERE, "fields": ["input"]}, "encryption.fields is not known; the section has one key, path"
    ),
    "encryption of a type": section(
        "encryption", HERE, f"{BEGINNING}this is of type int, and no langgraph_sdk.Encryption", vault="vault = 5\n"
    ),
    "the class Encryption": section(
        "encryption",
        HERE,
        f"{BEGINNING}this is the class itself",
        vault="from langgraph_sdk import Encryption as vault\n",
    ),
    "encryption without handlers": section(
        "encryption",
        HERE,
        f"{BEGINNING}no handler encrypts; decorate some with @vault.encrypt.blob and .encrypt.json",
        vault=VAULT.partition("@")[0],
    ),
    "nothing decrypts": section(
        "encryption",
        HERE,
        f"{BEGINNING}encrypt.json has a handler, and decrypt.json has none; decorate one with @vault.decrypt.json",
        vault=VAULT,
    ),
    "nothing encrypts": section(
        "encryption",
        HERE,
        f"{BEGINNING}decrypt.blob has a handler, and encrypt.blob has none; decorate one with @vault.encrypt.blob",
        vault=VAULT.replace("encrypt.json", "decrypt.blob"),
    ),
    "a plain handler that encrypts": section(
        "encryption",
        HERE,
        BEGINNING,
        "must be an async function",
        place="vault:3",
        vault=VAULT.replace("async def", "def"),
    ),
    "misspelt encryption": section("encription", HERE, "encription is unknown; write encryption, or remove it"),
}
