"""Small graphs, each for one behaviour."""

from __future__ import annotations

import asyncio
import operator
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any

from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage, AnyMessage
from langchain_core.runnables import RunnableConfig
from langgraph.config import get_stream_writer
from langgraph.func import entrypoint
from langgraph.graph import START, StateGraph
from langgraph.graph.message import add_messages
from langgraph.runtime import Runtime
from langgraph.types import interrupt
from typing_extensions import TypedDict


class Items(TypedDict, total=False):
    """State of most graphs: a value in, a list out."""

    foo: Any
    items: Annotated[list[Any], operator.add]


cancelled: dict[str, int] = {"slow": 0}
"""How often a node of each graph saw its cancellation."""
entered: Counter[str] = Counter()
"""How often such a node was entered, by the name of the graph, or by the name that a held run waits for."""


async def first(state: Items) -> dict[str, Any]:
    get_stream_writer()({"progress": 1})
    return {"items": ["a"]}


async def second(state: Items) -> dict[str, Any]:
    return {"items": ["b"]}


def _line(*nodes: Any, state: Any = Items, **options: Any) -> Any:
    graph = StateGraph(state, **options)
    graph.add_sequence(list(nodes))
    graph.add_edge(START, nodes[0].__name__)
    return graph


simple = _line(first, second).compile()
builder = _line(first)


class Pause(TypedDict, total=False):
    seconds: float
    done: bool


async def pause(state: Pause) -> dict[str, Any]:
    """Wait for as long as the input says; note when that is cut short."""
    get_stream_writer()("paused")
    entered["slow"] += 1
    try:
        await asyncio.sleep(state.get("seconds", 0))
    except asyncio.CancelledError:
        cancelled["slow"] += 1
        raise
    return {"done": True}


slow = _line(pause, state=Pause).compile()


class OwnError(Exception):
    """An exception class that the server does not know."""


def fail(state: Items) -> dict[str, Any]:
    kind = state["foo"]
    errors: dict[str, BaseException] = {
        "value": ValueError("boom"),
        "key": KeyError("missing"),
        "own": OwnError("secret"),
        "group": ExceptionGroup("several", [ValueError("a"), TypeError("b")]),
        "surrogate": ValueError("lone \ud800 surrogate"),
        "exit": SystemExit(3),
    }
    raise errors[kind]


async def fail_async(state: Items) -> dict[str, Any]:
    if state["foo"] == "async exit":
        sys.exit(3)
    return fail(state)


failing = _line(fail_async).compile()


async def ask(state: Items) -> dict[str, Any]:
    return {"items": [interrupt({"question": "sure?"})]}


async def ask_more(state: Items) -> dict[str, Any]:
    return {"items": [interrupt("and you?")]}


asking = _line(first, ask).compile()
_both = StateGraph(Items)
for _node in (ask, ask_more):
    _both.add_node(_node.__name__, _node)
    _both.add_edge(START, _node.__name__)
asking_twice = _both.compile()


class Messages(TypedDict):
    messages: Annotated[list[AnyMessage], add_messages]


async def model(state: Messages) -> dict[str, Any]:
    """A chat model that streams `Hello world` in three chunks."""
    answer = await GenericFakeChatModel(messages=iter([AIMessage("Hello world")])).ainvoke(state["messages"])
    return {"messages": [answer]}


def whole(state: Messages) -> dict[str, Any]:
    return {"messages": [AIMessage("not streamed", id="whole-1")]}


chat = _line(model, whole, state=Messages).compile()

_child = _line(first).compile()
_nested = StateGraph(Items)
_nested.add_node("child", _child)
_nested.add_edge(START, "child")
nested = _nested.compile()

_nested_chat = StateGraph(Messages)
_nested_chat.add_node("child", _line(model, state=Messages).compile())
_nested_chat.add_edge(START, "child")
nested_chat = _nested_chat.compile()


@dataclass
class Context:
    user: str = "nobody"
    limit: int = 3


def show_context(state: Items, runtime: Runtime[Context]) -> dict[str, Any]:
    return {"foo": {"user": runtime.context.user, "limit": runtime.context.limit}}


contextual = _line(show_context, context_schema=Context).compile()


def show_config(state: Items, config: RunnableConfig) -> dict[str, Any]:
    """Return the config that reached the node."""
    configurable = {key: value for key, value in config["configurable"].items() if not key.startswith("__pregel")}
    return {"items": [{"configurable": configurable, "metadata": dict(config["metadata"]), "tags": config.get("tags")}]}


echo = _line(show_config).compile()


@entrypoint()
async def functional(number: int) -> int:
    return number * 2


def factory(config: RunnableConfig) -> Any:
    """A graph made for each run from its config."""
    label = config["configurable"].get("label", "none")

    def labelled(state: Items) -> dict[str, Any]:
        return {"items": [label]}

    return _line(labelled).compile()


opened: list[str] = []
"""The entries and exits of `managed`, in order."""


@asynccontextmanager
async def managed() -> AsyncIterator[Any]:
    opened.append("enter")
    yield _line(first).compile()
    opened.append("exit")


released: set[str] = set()
"""Names of the held runs that may go on."""


async def hold(state: Items) -> dict[str, Any]:
    """Send `held`, then wait until the name in `foo` is released."""
    get_stream_writer()("held")
    entered[state["foo"]] += 1
    while state["foo"] not in released:  # noqa: ASYNC110 - the release comes from another thread
        await asyncio.sleep(0.005)
    return {"items": ["released"]}


held = _line(hold).compile()


def sleep(state: Items) -> dict[str, Any]:
    """As `hold`, in a thread."""
    entered[state["foo"]] += 1
    while state["foo"] not in released:
        time.sleep(0.005)
    return {"items": ["released"]}


sleeping = _line(sleep).compile()

_nested_slow = StateGraph(Pause)
_nested_slow.add_node("child", _line(pause, state=Pause).compile())
_nested_slow.add_edge(START, "child")
nested_slow = _nested_slow.compile()


async def right(state: Items) -> None:
    return None


_forked = StateGraph(Items)
for _branch in (first, right):
    _forked.add_node(_branch.__name__, _branch)
    _forked.add_edge(START, _branch.__name__)
forked = _forked.compile()


def write(state: Items) -> dict[str, Any]:
    """Give each item of `foo` to the stream writer."""
    for item in state["foo"]:
        get_stream_writer()(item)
    return {}


writing = _line(write).compile()


class Volume(TypedDict, total=False):
    count: int
    size: int
    burst: int
    pause: float
    text: str


async def pour(state: Volume) -> dict[str, Any]:
    """Write `count` events of `size` characters, and pause for `pause` seconds after each `burst` (1) of them."""
    for number in range(1, state["count"] + 1):
        get_stream_writer()("x" * state["size"])
        if number % state.get("burst", 1) == 0:
            await asyncio.sleep(state.get("pause", 0))
    return {}


pouring = _line(pour, state=Volume).compile()


async def lap(state: Volume) -> dict[str, Any]:
    """One of `count` steps, each with `size` characters of state."""
    return {"count": state["count"] - 1, "text": chr(97 + state["count"] % 26) * state["size"]}


_laps = StateGraph(Volume)
_laps.add_node("lap", lap)
_laps.add_edge(START, "lap")
_laps.add_conditional_edges("lap", lambda state: "lap" if state["count"] else "__end__", ["lap", "__end__"])
laps = _laps.compile()


async def block(state: Items) -> dict[str, Any]:
    """As `hold`, but without letting go of the event loop, as no async node should."""
    entered[state["foo"]] += 1
    while state["foo"] not in released:
        time.sleep(0.005)  # noqa: ASYNC251 - the mistake is the subject
    return {"items": ["released"]}


_blocking = StateGraph(Items)
_blocking.add_node("stall", block)
_blocking.add_edge(START, "stall")
blocking = _blocking.compile()

_nested_asking = StateGraph(Items)
_nested_asking.add_node("child", _line(ask).compile())
_nested_asking.add_edge(START, "child")
nested_asking = _nested_asking.compile()
