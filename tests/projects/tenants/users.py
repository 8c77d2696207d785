"""Whoever sends a token sees what is its own."""

from __future__ import annotations

from typing import Any

from langgraph_sdk import Auth

auth = Auth()
TOKENS = {"token-ana": "ana", "token-ben": "ben"}


@auth.authenticate
async def authenticate(authorization: str | None) -> str:
    """Find the user of the token."""
    user = TOKENS.get((authorization or "").removeprefix("Bearer "))
    if user is None:
        raise Auth.exceptions.HTTPException(status_code=401, detail="Who are you?")
    return user


@auth.on
async def own(ctx: Auth.types.AuthContext, value: Any) -> Any:
    """Mark what is made with its owner, and show each its own."""
    value.setdefault("metadata", {})["owner"] = ctx.user.identity
    return {"owner": ctx.user.identity}
