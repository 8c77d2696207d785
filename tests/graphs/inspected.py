"""Graphs to be looked at: of states and contexts of every kind, with subgraphs, and made by factories."""

from __future__ import annotations

import operator
import typing
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, NotRequired

import typing_extensions
from langchain_core.messages import AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.func import entrypoint
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime
from langgraph_sdk.runtime import ServerRuntime
from pydantic import BaseModel, Field


def _line(state: Any, *nodes: tuple[str, Any], **options: Any) -> Any:
    return StateGraph(state, **options).add_sequence(list(nodes)).add_edge(START, nodes[0][0])


def nothing(state: Any) -> dict[str, Any]:
    return {}


class Said(typing_extensions.TypedDict, total=False):
    """What a node says."""

    said: Any


def tell(state: Said, config: RunnableConfig, runtime: Runtime[Any]) -> dict[str, Any]:
    """Say what reached the node."""
    hidden = ("__pregel", "checkpoint", "langgraph_request_id")
    configurable = {key: value for key, value in config["configurable"].items() if not key.startswith(hidden)}
    return {
        "said": {
            "configurable": configurable,
            "context": runtime.context,
            "metadata": dict(config["metadata"]),
            "tags": config.get("tags"),
        }
    }


told = _line(Said, ("tell", tell)).compile()


# States and contexts


class Colour(Enum):
    """A choice."""

    RED = "red"
    BLUE = "blue"


class Leaf(typing.TypedDict):
    """Inside of another type, of the standard library."""

    name: str
    """Its name."""
    colour: NotRequired[Colour]


class Typed(typing.TypedDict, total=False):
    """A state of the standard library."""

    count: typing_extensions.Required[Annotated[int, operator.add]]
    leaves: list[Leaf]
    by_name: dict[str, Leaf | None]
    fixed: typing_extensions.ReadOnly[str]
    below: Typed
    """Of the same type."""
    messages: Annotated[list[AnyMessage], add_messages]


class Place(typing.TypedDict):
    """A context of the standard library."""

    town: str


typed = _line(Typed, ("one", nothing), context_schema=Place).compile()


class Model(BaseModel):
    """A state of pydantic."""

    count: int = Field(3, ge=0, description="How many")
    next: Model | None = None
    when: datetime | None = None


class Limits(BaseModel):
    """A context of pydantic."""

    most: Decimal = Decimal(5)


modelled = _line(Model, ("one", nothing), context_schema=Limits).compile()


@dataclass
class Classed:
    """A state that is a dataclass."""

    count: int
    names: list[str] = field(default_factory=list)


@dataclass
class User:
    """A context that is a dataclass."""

    name: str = "nobody"


classed = _line(Classed, ("one", nothing), context_schema=User).compile()


class Opaque:
    """An object that JSON does not have."""


class Odd(typing_extensions.TypedDict, total=False):
    """A state with values that JSON does not have."""

    call: Callable[[int], str]
    opaque: Opaque
    opaques: list[Opaque]
    kind: type
    number: complex
    plain: str


odd = _line(Odd, ("one", nothing)).compile()


class Lost(typing_extensions.TypedDict):
    """A state whose annotation leads nowhere once the graph is built."""

    plain: str


lost = _line(Lost, ("one", nothing)).compile()
Lost.__annotations__["plain"] = typing.ForwardRef("Nowhere")


@entrypoint(context_schema=User)
def functional(given: dict[str, int]) -> list[str]:
    """A graph without nodes of its own."""
    return list(given)


class Question(typing_extensions.TypedDict):
    """What clients send."""

    question: str


class Answer(typing_extensions.TypedDict):
    """What clients get."""

    answer: str


class Whole(Question, Answer):
    """What nodes see."""

    secret: str


parted = _line(Whole, ("one", nothing), input_schema=Question, output_schema=Answer).compile()


# Subgraphs

_grandchild = _line(Said, ("tell", tell)).compile()
_child = _line(Typed, ("inner", _grandchild), ("after", nothing)).compile()
family = _line(Said, ("left", _child), ("right", _grandchild)).compile()


# Factories

requests: list[dict[str, Any]] = []
"""What `factory` was called with, each time."""


async def factory(config: RunnableConfig, runtime: ServerRuntime[User]) -> Any:
    """A graph whose node says what its factory was called with."""
    execution = runtime.execution_runtime
    asked = {
        "for_execution": config["configurable"]["__is_for_execution__"],
        "access": runtime.access_context,
        "execution": None if execution is None else type(execution.context).__name__,
        "label": config["configurable"].get("label"),
        "assistant_id": config["configurable"].get("assistant_id"),
        "mark": config.get("metadata", {}).get("mark"),
    }
    requests.append(asked)

    def show(state: Said) -> dict[str, Any]:
        return {"said": asked}

    return _line(Said, (asked["label"] or "unlabelled", show)).compile()


class OwnError(Exception):
    """An exception class that the server does not know."""


def failing(config: RunnableConfig) -> Any:
    """Fail as an author's factory may."""
    raise OwnError("no graph today")


def misguided() -> Any:
    """Return what is no graph."""
    return "graph"
