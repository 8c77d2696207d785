"""The section `encryption` of `langgraph.json`. It names the author's handlers."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from langgraph_sdk import Encryption
from langgraph_sdk.encryption import LangGraphBetaWarning

from treadle.errors import ConfigError, GraphError
from treadle.graphs.modules import authors_code, load_attribute, read_spec

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class EncryptionConfig:
    """The section as read and checked; what its path names is not loaded yet."""

    where: str
    """The beginning of every message about the section: the file, and `encryption`."""
    path: str | None = None
    """Where the `langgraph_sdk.Encryption` object is: `./file.py:attribute` or `module:attribute`."""


def read_encryption(path: Path, section: Json | None) -> EncryptionConfig:
    """Check the section of the file at `path`; None: it has none. Raises ConfigError, which names the key."""
    where = f"{path}: encryption"
    if section is None:
        return EncryptionConfig(where)
    own = read_spec(f"{where}.path", section.get("path"))
    if own is None:
        raise ConfigError(
            f"{where}.path is missing: name the langgraph_sdk.Encryption object, as ./encryption.py:encryption"
        )
    if unknown := [key for key in section if key != "path"]:
        raise ConfigError(f"{where}.{unknown[0]} is not known; the section has one key, path")
    return EncryptionConfig(where, own)


def load_encryption(folder: Path, config: EncryptionConfig) -> Encryption | None:
    """The object that the section names, None without a section. Raises GraphError if it cannot be loaded."""
    if config.path is None:
        return None
    where = f"{config.where}.path ({config.path})"
    with authors_code(where), warnings.catch_warnings():
        warnings.simplefilter("ignore", LangGraphBetaWarning)
        loaded = load_attribute(folder, config.path)
    if not isinstance(loaded, Encryption):
        kind = "the class itself" if loaded is Encryption else f"of type {type(loaded).__name__}"
        raise GraphError(
            f"{where}: this is {kind}, and no langgraph_sdk.Encryption; name an object that Encryption() made"
        )
    name = config.path.rpartition(":")[2]
    for kind in ("json", "blob"):
        verbs = [verb for verb in ("encrypt", "decrypt") if getattr(loaded, f"_{kind}_{verb}or") is not None]
        if len(verbs) == 1:
            [missing] = {"encrypt", "decrypt"} - {*verbs}
            raise GraphError(
                f"{where}: {verbs[0]}.{kind} has a handler, and {missing}.{kind} has none; decorate one with "
                f"@{name}.{missing}.{kind}"
            )
    if loaded._json_encryptor is None and loaded._blob_encryptor is None:
        raise GraphError(f"{where}: no handler encrypts; decorate some with @{name}.encrypt.blob and .encrypt.json")
    return loaded
