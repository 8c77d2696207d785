"""Headers of proxies in front of the server: scheme, client and root path of the original request."""

from __future__ import annotations

import re
from typing import Any, Final, cast
from urllib.parse import quote, urlsplit

import structlog
from starlette.types import ASGIApp, Scope
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

import treadle_api.operations as op
from treadle.errors import ConfigError

FORM: Final = "a path such as /agents, of letters, digits and . _ ~ -, that does not begin as a path of the API does"
# It lands in headers and in links: no host, no query and nothing that is encoded can come by it.
_PREFIX: Final = re.compile(r"(/(?!\.{1,2}(/|$))[A-Za-z0-9._~-]{1,100}){1,20}")
_OWN: Final = frozenset(operation.path.split("/")[1] for operation in op.ALL)
"""First parts of paths of the API: whether a proxy has taken such a prefix off could not be told."""
log = structlog.get_logger("treadle.web")


class Proxies(ProxyHeadersMiddleware):
    """ASGI middleware: beside what uvicorn's takes from trusted proxies, the root path of each request.

    Both kinds of proxies are understood, those that take the prefix off a path and those that pass it on: from here on
    the path has it once, as ASGI wants it.
    """

    def __init__(self, app: ASGIApp, *, trusted: str, prefix: str | None) -> None:
        """Each request comes under `prefix`; without one, under the `X-Forwarded-Prefix` of a `trusted` proxy."""
        super().__init__(cast(Any, app), trusted)
        self._fixed = prefix

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and (prefix := self._forwarded(scope) if self._fixed is None else self._fixed):
            scope = _below(prefix, scope)
        await super().__call__(scope, receive, send)

    def _forwarded(self, scope: Scope) -> str:
        """The prefix that a trusted proxy names; empty without one, or if it is none."""
        given = [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-forwarded-prefix"]
        proxy = (scope.get("client") or (None,))[0]
        if not given or proxy not in self.trusted_hosts:
            return ""
        prefix = read_prefix(",".join(given))
        if prefix is None:
            log.debug("a proxy named a prefix that is none, and was not heeded", proxy=proxy)
        return prefix or ""


def fixed_prefix(root_path: str | None, public_url: str | None, mount_prefix: str | None = None) -> str | None:
    """The prefix that the settings or the configuration name; None if they leave it to proxies. Raises ConfigError."""
    if root_path is not None:
        name, value, path = "TREADLE_ROOT_PATH", root_path, root_path
    elif public_url is not None and (path := urlsplit(public_url).path):
        name, value = "TREADLE_PUBLIC_URL", public_url
    elif mount_prefix is not None:
        name, value, path = "http.mount_prefix", mount_prefix, mount_prefix
    else:
        return None
    prefix = read_prefix(path)
    if prefix is None:
        raise ConfigError(f"{name}={value!r}: set it to {FORM}")
    return prefix


def read_prefix(text: str) -> str | None:
    """The prefix that a text spells, without a slash at its end; None if it spells none."""
    prefix = text.strip().removesuffix("/")
    if not prefix:
        return ""
    return prefix if _PREFIX.fullmatch(prefix) and prefix.split("/")[1] not in _OWN else None


def _below(prefix: str, scope: Scope) -> Scope:
    rest = scope["path"]
    # Once for a proxy that passes it on, and once more for SDKs, which put it before a `Location` that begins with it.
    for _ in range(2):
        if rest == prefix or rest.startswith(f"{prefix}/"):
            rest = rest[len(prefix) :]
    path = prefix + rest
    return {**scope, "root_path": prefix, "path": path, "raw_path": quote(path).encode()}
