"""A graph that raises the exception its input names."""

from __future__ import annotations

import asyncio
import builtins
from datetime import date
from typing import Any

from langgraph.graph import START, StateGraph
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from typing_extensions import TypedDict


class Items(TypedDict, total=False):
    """The name of an exception in."""

    foo: Any


class Model(BaseModel):
    when: date


async def raise_it(state: Items) -> dict[str, Any]:
    """Raise the exception class that `foo` names, with the text `said`."""
    name = state["foo"]
    if name == "ValidationError":
        Model.model_validate({})
    if name == "CancelledError":
        raise asyncio.CancelledError("said")
    if name == "HTTPException":
        raise HTTPException(418, "said")
    if name == "MisplacedSyntaxError":  # Python itself cannot format its traceback
        place: Any = ("file", 1, 2, b"text")
        raise SyntaxError("said", place)
    raise getattr(builtins, name)("said")


raising = StateGraph(Items).add_node(raise_it).add_edge(START, "raise_it").compile()
