"""Where a client found the server, so that locations and links lead back there."""

from __future__ import annotations

import re

from starlette.requests import HTTPConnection
from starlette.types import Scope

from treadle.storage.contract.runs import RunRecord

# Name or address, and a port: what else a client sends as its `Host` must not get into a link.
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+)(:[0-9]{1,5})?")


def base_url(scope: Scope) -> str:
    """Scheme, host and root path under which the request came, without a slash at the end. `Proxies` has put in what a
    proxy forwarded.
    """
    url = HTTPConnection(scope).base_url
    if not _HOST.fullmatch(url.netloc):
        host, port = scope["server"]
        url = url.replace(netloc=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
    return str(url).rstrip("/")


def root_path(scope: Scope) -> str:
    """The path under which clients reach the server, such as `/agents`; empty without one."""
    path: str = scope.get("root_path", "")
    return path


def route_path(scope: Scope) -> str:
    """The path of the request below the root path, as the contract has it."""
    path: str = scope["path"]
    return path.removeprefix(root_path(scope))


def run_location(scope: Scope, run: RunRecord) -> str:
    """The path at which the client of a request finds the run."""
    return f"{root_path(scope)}/runs/{run.run_id}"


def thread_run_location(scope: Scope, run: RunRecord) -> str:
    """The path at which the client of a request finds the run under its thread."""
    return f"{root_path(scope)}/threads/{run.thread_id}/runs/{run.run_id}"
