"""Graphs with schemas: private state, contexts, inputs that do not fit; and graphs with names of their own."""

from __future__ import annotations

import operator
import typing
from typing import Annotated, Any

import typing_extensions
from langchain_core.runnables import RunnableConfig, RunnableLambda
from langgraph.func import entrypoint
from langgraph.graph import START, StateGraph
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from pydantic import BaseModel, field_validator
from typing_extensions import TypedDict


class Given(TypedDict):
    """The input that clients send."""

    q: str


class Shown(TypedDict, total=False):
    """The output that clients see."""

    a: str


class Whole(Given, Shown, total=False):
    """The state of the nodes, with a part hidden from clients."""

    secret: str


def hide(state: Whole) -> dict[str, Any]:
    return {"secret": "s"}


def answer(state: Whole) -> dict[str, Any]:
    return {"a": state["q"] + "!", "secret": "s"}


def ask(state: Whole) -> dict[str, Any]:
    return {"a": interrupt("sure?")}


def fail(state: Whole) -> dict[str, Any]:
    raise ValueError("boom")


def _line(state: Any, *nodes: tuple[str, Any], **options: Any) -> Any:
    return StateGraph(state, **options).add_sequence(list(nodes)).add_edge(START, nodes[0][0])


def _private(*nodes: tuple[str, Any]) -> Any:
    return _line(Whole, *nodes, input_schema=Given, output_schema=Shown).compile()


private = _private(("hide", hide), ("answer", answer))
private_only = _private(("hide", hide))
private_asking = _private(("answer", answer), ("ask", ask))
private_failing = _private(("answer", answer), ("fail", fail))
private_parent = _private(("child", private), ("hide", hide))


@entrypoint()
def saving(given: Any) -> Any:
    """A functional graph whose output differs from the value that it saves."""
    return entrypoint.final(value={"shown": given}, save={"secret": given})


class Items(TypedDict, total=False):
    foo: Any
    items: Annotated[list[Any], operator.add]


def add_a(state: Items) -> dict[str, Any]:
    return {"items": ["a"]}


def add_b(state: Items) -> dict[str, Any]:
    return {"items": ["b"]}


new_graph = _line(Items, ("one", add_a), ("two", add_b)).compile(name="New Graph")


async def whisper(state: Items) -> dict[str, Any]:
    """Run one step that traces should not show, and one that they should."""
    await RunnableLambda(add_a, name="quiet").with_config(tags=["langsmith:hidden"]).ainvoke(state)
    await RunnableLambda(add_a, name="loud").ainvoke(state)
    return {"items": ["c"]}


hidden = _line(Items, ("whisper", whisper)).compile()


class Typed(typing.TypedDict):
    """A context schema of the standard library."""

    name: str


class TypedByExtensions(typing_extensions.TypedDict):
    """A context schema that pydantic can read on every Python."""

    name: str


def look(state: Items, config: RunnableConfig, runtime: Runtime[Any]) -> dict[str, Any]:
    """Return the parts of its run that a node sees."""
    info = runtime.execution_info
    return {
        "foo": {
            "context": runtime.context,
            "configurable": {key: str(value) for key, value in config["configurable"].items()},
            "run_id": info and info.run_id,
        }
    }


looking = _line(Items, ("look", look)).compile()
looking_typed = _line(Items, ("look", look), context_schema=Typed).compile()
looking_typed_by_extensions = _line(Items, ("look", look), context_schema=TypedByExtensions).compile()


outdated: set[int] = set()
"""Numbers that are valid no longer, as after a change of the schema."""


class Counted(BaseModel):
    """A state that is validated."""

    n: int

    @field_validator("n")
    @classmethod
    def _is_up_to_date(cls, n: int) -> int:
        if n in outdated:
            raise ValueError("outdated")
        return n


def count(state: Counted) -> dict[str, Any]:
    return {"n": state.n + 1}


counting = _line(Counted, ("count", count), ("again", count)).compile()


parent = _line(Items, ("child", new_graph), ("two", add_b)).compile()
