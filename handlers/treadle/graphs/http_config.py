"""The section `http` of `langgraph.json`: the author's own routes, and how clients reach the server's."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from treadle.errors import ConfigError
from treadle.graphs.modules import read_spec

Json = dict[str, Any]
CLOSED_BY = {
    "disable_assistants": ("Assistants",),
    "disable_runs": ("Stateless Runs", "Thread Runs"),
    "disable_store": ("Store",),
    "disable_threads": ("Threads",),
}
"""The switches that close operations, and the tags of these."""
# Parameters of Starlette's CORS middleware, and their types.
_CORS = {
    "allow_origins": list,
    "allow_origin_regex": str,
    "allow_methods": list,
    "allow_headers": list,
    "allow_credentials": bool,
    "expose_headers": list,
    "max_age": int,
}
_ORDERS = ("middleware_first", "auth_first")


@dataclass(frozen=True, slots=True)
class HeaderPatterns:
    """Names of request headers, with `*` for any characters."""

    includes: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()

    def match(self, name: str) -> bool:
        """Whether the header, in lower case, is included and not excluded."""
        return _any(self.includes, name) and not _any(self.excludes, name)


@dataclass(frozen=True, slots=True)
class HttpConfig:
    """The section as read and checked; what `app` names is not loaded yet."""

    where: str = "http"
    """The beginning of every message about the section: the file, and `http`."""
    app: str | None = None
    """Where the author's application is: `./file.py:attribute` or `module:attribute`."""
    custom_auth: bool | None = None
    """Whether the author's routes need a user (`enable_custom_route_auth`); None: not said."""
    auth_first: bool = False
    """Whether users are asked for before the author's middleware runs (`middleware_order`)."""
    cors: Json | None = None
    """Parameters of Starlette's CORS middleware; None: not said."""
    mount_prefix: str | None = None
    configurable: HeaderPatterns = HeaderPatterns()
    """The headers that graphs find in `configurable`."""
    logged: HeaderPatterns = HeaderPatterns()
    """The headers that log lines about a request have."""
    closed: frozenset[str] = field(default_factory=frozenset)
    """The tags of the operations that are not to be served."""
    meta: bool = True
    """Whether `/info` and `/openapi.json` are served."""
    webhooks: bool = True
    """Whether runs may have webhooks."""


def read_http(path: Path, section: Json) -> HttpConfig:
    """Check the section of the file at `path`. Raises ConfigError, which names the key."""
    where = f"{path}: http"
    order = section.get("middleware_order") or _ORDERS[0]
    if order not in _ORDERS:
        raise ConfigError(f"{where}.middleware_order must be {' or '.join(_ORDERS)}, and not {json.dumps(order)}")
    app = read_spec(f"{where}.app", section.get("app"))
    return HttpConfig(
        where,
        app,
        _typed(section, where, "enable_custom_route_auth", bool),
        order == "auth_first",
        _cors(_typed(section, where, "cors", dict), f"{where}.cors"),
        _typed(section, where, "mount_prefix", str),
        _patterns(section, where, "configurable_headers"),
        _patterns(section, where, "logging_headers"),
        frozenset(tag for switch, tags in CLOSED_BY.items() if section.get(switch) for tag in tags),
        not section.get("disable_meta"),
        not section.get("disable_webhooks"),
    )


def _cors(section: Json | None, where: str) -> Json | None:
    if section is None:
        return None
    if unknown := [key for key in section if key not in _CORS]:
        raise ConfigError(f"{where}.{unknown[0]} is unknown; there are: {', '.join(_CORS)}")
    return {key: _typed(section, where, key, kind) for key, kind in _CORS.items() if section.get(key) is not None}


def _patterns(section: Json, where: str, key: str) -> HeaderPatterns:
    given = _typed(section, where, key, dict) or {}
    place, patterns = f"{where}.{key}", {}
    for name in ("includes", "excludes"):
        # Both spellings are in the field.
        texts = given.get(name) or given.get(name.removesuffix("s")) or []
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            raise ConfigError(f'{place}.{name} must be a list of headers, such as ["x-user-id", "x-team-*"]')
        patterns[name] = tuple(text.lower() for text in texts)
    return HeaderPatterns(**patterns)


def _typed(section: Json, where: str, key: str, kind: type) -> Any:
    value = section.get(key)
    if value is not None and not isinstance(value, kind):
        forms = {bool: "true or false", dict: "an object", str: "a text", list: "a list", int: "a number"}
        raise ConfigError(f"{where}.{key} must be {forms[kind]}, and not {json.dumps(value)}")
    return value


def _any(patterns: tuple[str, ...], name: str) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)
