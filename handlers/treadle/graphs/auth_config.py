"""The section `auth` of `langgraph.json`: the author's own authentication and authorization."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from langgraph_sdk import Auth

from treadle.errors import ConfigError, GraphError
from treadle.graphs.modules import authors_code, load_attribute, read_spec

Json = dict[str, Any]
OFFERED = ("request", "body", "path", "method", "path_params", "query_params", "headers", "authorization")
"""Parameters that a handler which authenticates may have."""
_VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


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
    where, openapi = f"{path}: auth", section.get("openapi") or {}
    own = read_spec(f"{where}.path", section.get("path"))
    if section and own is None:
        raise ConfigError(f"{where}.path is missing: name the langgraph_sdk.Auth object, as ./auth.py:auth")
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
        kind = "the class itself" if loaded is Auth else f"of type {type(loaded).__name__}"
        raise GraphError(f"{where}: this is {kind}, and no langgraph_sdk.Auth; name an object that Auth() made")
    if loaded._authenticate_handler is None:
        raise GraphError(
            f"{where}: no handler authenticates; decorate one with @{config.path.rpartition(':')[2]}.authenticate"
        )
    parameters = inspect.signature(loaded._authenticate_handler).parameters.values()
    for parameter in parameters:
        if parameter.default is parameter.empty and parameter.kind not in _VARIADIC and parameter.name not in OFFERED:
            known = ", ".join(OFFERED)
            raise GraphError(f"{where}: authenticate has a parameter {parameter.name!r}; there are: {known}")
    return loaded
