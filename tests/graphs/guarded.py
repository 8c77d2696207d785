"""A project with users: whoever sends `Bearer NAME` is that user, and sees what is its own."""

from __future__ import annotations

import asyncio
from typing import Any

from langgraph.config import get_config
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph_sdk import Auth
from langgraph_sdk.runtime import ServerRuntime
from typing_extensions import TypedDict

auth = Auth()


@auth.authenticate
async def authenticate(authorization: str | None, path: str, method: str) -> Auth.types.MinimalUserDict:
    """Find the user in the token. Names with a meaning: `teapot` is refused with 418, `bug` makes the handler fail."""
    scheme, _, name = (authorization or "").partition(" ")
    assert scheme == "Bearer", "Send a token"
    if name == "teapot":
        raise Auth.exceptions.HTTPException(418, f"{method} {path}", headers={"X-Kind": "pot"})
    if name == "bug":
        raise KeyError("secret")
    if name == "stranger":
        raise Auth.exceptions.HTTPException(401, "Nobody knows you")
    return {"identity": name, "permissions": ["admin"] if name == "admin" else [], "token": f"token of {name}"}  # type: ignore[typeddict-unknown-key]


@auth.on
async def refuse(ctx: Auth.types.AuthContext, value: Any) -> bool:
    """What no other handler allows."""
    return False


@auth.on.threads
async def own(ctx: Auth.types.AuthContext, value: Any) -> Auth.types.HandlerResult:
    """Users have their own threads and runs; `nobody` may do nothing."""
    if ctx.user.identity == "nobody":
        return False
    if ctx.action in ("create", "create_run"):
        value.setdefault("metadata", {})["owner"] = ctx.user.identity
    return None if "admin" in ctx.permissions else {"owner": ctx.user.identity}


@auth.on.assistants
async def own_assistants(ctx: Auth.types.AuthContext, value: Any) -> Auth.types.HandlerResult:
    """The same for assistants."""
    return await own(ctx=ctx, value=value)


@auth.on.store
async def own_items(ctx: Auth.types.AuthContext, value: Any) -> Any:
    """The first part of a namespace is the user."""
    if ctx.user.identity == "nobody":
        return False
    value["namespace"] = (ctx.user.identity, *value["namespace"])
    return True


class State(TypedDict, total=False):
    """What a run says of its user."""

    said: dict[str, Any]
    wait: bool


def tell(state: State, runtime: Runtime[None]) -> dict[str, Any]:
    """Say who the user is, in every way that a node may ask."""
    configurable = get_config()["configurable"]
    user = configurable["langgraph_auth_user"]
    server = runtime.server_info
    return {
        "said": {
            "id": configurable["langgraph_auth_user_id"],
            "permissions": configurable["langgraph_auth_permissions"],
            "key": user["identity"],
            "attribute": user.identity,
            "token": user.get("token"),
            "server_info": server and server.user and server.user.identity,
        }
    }


async def wait(state: State) -> dict[str, Any]:
    """Take a minute, unless it is cancelled."""
    await asyncio.sleep(60)
    return {}


agent = StateGraph(State).add_node(tell).add_edge(START, "tell").compile()
waiting = StateGraph(State).add_node(wait).add_edge(START, "wait").compile()


def factory(runtime: ServerRuntime[Any]) -> Any:
    """A graph whose only node is called like the user."""
    name, graph = runtime.ensure_user().identity, StateGraph(State)
    graph.add_node(name, wait)
    return graph.add_edge(START, name)
