"""The section `auth` of `langgraph.json`: the author's own authentication and authorization."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph_sdk import Auth

from treadle.errors import ConfigError, GraphError
from treadle.graphs.modules import authors_code, is_spec, load_attribute

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class AuthConfig:
    """The section as read and checked; what its path names is not loaded yet."""

    where: str
    """The beginning of every message about the section: the file, and `auth`."""
    path: str | None = None
    """Where the `langgraph_sdk.Auth` object is: `./file.py:attribute` or `module:attribute`."""
    openapi: Json = field(default_factory=dict)
    """`securitySchemes` and `security` for the document that the server publishes."""


def read_auth(path: Path, section: Json) -> AuthConfig:
    """Check the section of the file at `path`. Raises ConfigError, which names the key."""
    where, own, openapi = f"{path}: auth", section.get("path"), section.get("openapi") or {}
    if section and not is_spec(own):
        raise ConfigError(f'{where}.path must be "./file.py:attribute" or "module:attribute", and not {own!r}')
    if not isinstance(openapi, dict):
        raise ConfigError(f"{where}.openapi must be an object with securitySchemes and security")
    for key, kind, form in (("securitySchemes", dict, "an object"), ("security", list, "a list")):
        if not isinstance(openapi.get(key, kind()), kind):
            raise ConfigError(f"{where}.openapi.{key} must be {form}, as in an OpenAPI document")
    return AuthConfig(where, own, openapi)


def load_auth(folder: Path, config: AuthConfig) -> Auth | None:
    """The object that the section names, None without a section. Raises GraphError if it cannot be loaded."""
    if config.path is None:
        return None
    where = f"{config.where}.path ({config.path})"
    with authors_code(where):
        loaded = load_attribute(folder, config.path)
    if not isinstance(loaded, Auth):
        raise GraphError(f"{where}: a {type(loaded).__name__} is no langgraph_sdk.Auth")
    if loaded._authenticate_handler is None:
        raise GraphError(
            f"{where}: no handler authenticates; decorate one with @{config.path.rpartition(':')[2]}.authenticate"
        )
    return loaded
