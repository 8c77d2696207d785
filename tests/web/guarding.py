"""Servers of projects whose `auth` is the text of a test, and what their graph says of the user."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from tests.live import LiveServer, serving
from tests.web.calls import Json, accepted

GRAPH = """
from typing import Any
from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from typing_extensions import TypedDict

class State(TypedDict, total=False):
    said: dict[str, Any]
    ids: dict[str, str]
    given: Any

def tell(state):
    configurable = get_config()["configurable"]
    user = configurable["langgraph_auth_user"]
    return {"said": {
        "user": None if user is None else dict(user),
        "id": configurable["langgraph_auth_user_id"],
        "permissions": configurable["langgraph_auth_permissions"],
        "given": configurable.get("given"),
    }, "ids": {name: configurable[name] for name in ("run_id", "thread_id", "graph_id", "assistant_id")}}

graph = StateGraph(State).add_node(tell).add_edge(START, "tell").compile()
"""
BEARER = """
from typing import Any
from langgraph_sdk import Auth

auth = Auth()

@auth.authenticate
async def authenticate(authorization: str | None) -> Any:
    assert authorization, "Send a token"
    name = authorization.removeprefix("Bearer ")
    return {"identity": name, "token": f"secret of {name}"}
"""
"""The beginning of an `auth.py` that believes everybody."""


def guarded_project(folder: Path, auth: str, **section: Any) -> Path:
    """Write a project with `auth.py`; the path of its `langgraph.json`. `section`: more of its `auth`."""
    folder.joinpath("auth.py").write_text(auth)
    folder.joinpath("telling.py").write_text(GRAPH)
    config = folder / "langgraph.json"
    document = {"graphs": {"agent": "./telling.py:graph"}, "auth": {"path": "./auth.py:auth", **section}}
    config.write_text(json.dumps(document))
    return config


@contextmanager
def guarded(folder: Path, auth: str, *, section: Json | None = None, **settings: Any) -> Iterator[httpx.Client]:
    """A client without credentials, of a server of such a project."""
    with guarded_server(folder, auth, section=section, **settings) as live, live.client() as http:
        yield http


@contextmanager
def guarded_server(folder: Path, auth: str, *, section: Json | None = None, **settings: Any) -> Iterator[LiveServer]:
    """A server of such a project."""
    with serving(guarded_project(folder, auth, **section or {}), **settings) as live:
        yield live


def loaded(path: Path) -> Any:
    """The module that a server of this process has loaded from a file."""
    return next(module for module in tuple(sys.modules.values()) if getattr(module, "__file__", None) == str(path))


def bearing(name: str) -> dict[str, str]:
    """The headers of a user of `BEARER`."""
    return {"authorization": f"Bearer {name}"}


def told(http: httpx.Client, headers: dict[str, str], **fields: Any) -> Any:
    """What the graph of a run says of its user."""
    body = {"assistant_id": "agent", "input": {}, **fields}
    return accepted(http.post("/runs/wait", json=body, headers=headers)).json()["said"]


def refusal(response: httpx.Response) -> tuple[int, str]:
    """Status and text of a refused request, which has the one form of every failure."""
    assert list(response.json()) == ["detail"], response.text
    return response.status_code, response.json()["detail"]
