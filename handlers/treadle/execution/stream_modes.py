"""The nine stream modes of the wire, and the LangGraph modes that supply their events."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from contextlib import aclosing
from typing import Any, cast

from langchain_core.messages import BaseMessage, BaseMessageChunk, message_chunk_to_message
from langchain_core.runnables import RunnableConfig
from langgraph.constants import TAG_HIDDEN

from treadle.graphs.checkpoints import checkpoint_address
from treadle.graphs.loading import AnyPregel

Payload = tuple[str, Any]
"""An event's name and its value, not yet encoded."""


def langgraph_modes(requested: Sequence[str]) -> list[str]:
    """The modes to ask LangGraph for; always with `values`, since the last one is the run's output."""
    modes = {"messages" if mode == "messages-tuple" else mode for mode in requested if mode != "events"}
    return sorted(modes | {"values"})


def stream_chunks(
    graph: AnyPregel, given: Any, config: RunnableConfig, *, events: bool, subgraphs: bool, **options: Any
) -> AsyncGenerator[Any, None]:
    """The graph's chunks: LangGraph's stream mode and the value, and before them the namespace with `subgraphs`.

    With `events`, LangChain's events come in between as mode `events`.
    """
    if events:
        return _with_events(graph, given, config, subgraphs=subgraphs, **options)
    return cast(AsyncGenerator[Any, None], graph.astream(given, config, subgraphs=subgraphs, **options))


async def _with_events(
    graph: AnyPregel, given: Any, config: RunnableConfig, *, subgraphs: bool, **options: Any
) -> AsyncGenerator[Any, None]:
    # Only astream_events sees inside. The root's `on_chain_stream` carries the chunks that the server asked for: they
    # are sent under their own modes, and are no events of the author's graph.
    root = str(config["run_id"])
    inside = graph.astream_events(given, config, version="v2", subgraphs=subgraphs, **options)
    async with aclosing(cast(AsyncGenerator[Any, None], inside)) as seen:
        async for event in seen:
            if event["event"] == "on_chain_stream" and event["run_id"] == root:
                yield event["data"]["chunk"]
            elif TAG_HIDDEN not in event.get("tags", ()):
                yield ((), "events", event) if subgraphs else ("events", event)


class StreamModes:
    """Turns LangGraph's chunks into the wire's events, as far as the request asked for them."""

    def __init__(self, requested: Sequence[str]) -> None:
        self._requested = frozenset(requested)
        self._messages = _Messages()

    def events(self, namespace: tuple[str, ...], mode: str, value: Any) -> Iterable[Payload]:
        """The wire's events for one chunk, in order."""
        # Both forms of messages requested: only the tuples are sent (recorded).
        if mode == "messages" and "messages-tuple" not in self._requested:
            return self._messages.events(*value)
        if mode != "messages" and mode not in self._requested:
            return ()
        if mode == "debug" and value["type"] == "checkpoint":
            value = _withcheckpoint_address(value)
        return ((_qualified(mode, namespace), value),)


def _withcheckpoint_address(event: dict[str, Any]) -> dict[str, Any]:
    """`debug` names the checkpoint and its parent beside their configs, and where subgraphs keep theirs (recorded)."""
    payload = event["payload"]
    named = {
        "checkpoint": checkpoint_address(payload["config"]),
        "parent_checkpoint": checkpoint_address(payload["parent_config"]),
        "tasks": [_with_subgraph_checkpoint(task) for task in payload["tasks"]],
    }
    return {**event, "payload": {**payload, **named}}


def _with_subgraph_checkpoint(task: dict[str, Any]) -> dict[str, Any]:
    """A task that is a subgraph has the address of its checkpoint instead of a config as `state`."""
    if not task.get("state"):
        return task
    others = {key: value for key, value in task.items() if key != "state"}
    return {**others, "checkpoint": checkpoint_address(task["state"])}


def _qualified(mode: str, namespace: tuple[str, ...]) -> str:
    return "|".join((mode, *namespace)) if namespace else mode


class _Messages:
    """`messages` mode: each message whole, growing with its chunks, its metadata once before it."""

    def __init__(self) -> None:
        self._so_far: dict[str | None, BaseMessage] = {}

    def events(self, message: Any, metadata: dict[str, Any]) -> Iterator[Payload]:
        message_id = getattr(message, "id", None)
        if message_id not in self._so_far:
            yield "messages/metadata", {message_id: {"metadata": metadata}}
        if isinstance(message, BaseMessageChunk):
            before = self._so_far.get(message_id)
            message = before + message if isinstance(before, BaseMessageChunk) else message
            self._so_far[message_id] = message
            yield "messages/partial", [message_chunk_to_message(message)]
        else:
            self._so_far[message_id] = message
            yield "messages/complete", [message]
