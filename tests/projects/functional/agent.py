"""The functional API: an entrypoint with tasks."""

from __future__ import annotations

from typing import Any

from langgraph.func import entrypoint, task


@task
async def double(number: int) -> int:
    """Double a number."""
    return 2 * number


@entrypoint()
async def agent(given: dict[str, Any]) -> dict[str, Any]:
    """Double every number, all at the same time."""
    doubled = [double(number) for number in given["numbers"]]
    return {"numbers": [await each for each in doubled]}
