"""Where a client found the server, so that links lead back there."""

from __future__ import annotations

import re

from starlette.requests import HTTPConnection
from starlette.types import Scope

# Name or address, and a port: what else a client sends as its `Host` must not get into a link.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?")


def base_url(scope: Scope) -> str:
    """Scheme, host and root path under which the request came, without a slash at the end. uvicorn has put in the
    scheme that a proxy on this machine forwarded.
    """
    url = HTTPConnection(scope).base_url
    if not _HOST.fullmatch(url.netloc):
        host, port = scope["server"]
        url = url.replace(netloc=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return str(url).rstrip("/")
