"""The nine stream modes of the wire, and what LangGraph streams for them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import aclosing
from typing import Any, cast

from langchain_core.messages import BaseMessage, BaseMessageChunk, message_chunk_to_message
from langchain_core.runnables import RunnableConfig

from treadle.graphs.loading import AnyPregel

Payload = tuple[str, Any]
"""An event's name and its value, not yet encoded."""
Chunk = tuple[tuple[str, ...], str, Any]
"""Namespace of the subgraph (empty: the graph itself), LangGraph's stream mode, value."""


def langgraph_modes(requested: Sequence[str]) -> list[str]:
    """The modes to ask LangGraph for; always with `values`, since the last one is the run's output."""
    modes = {"messages" if mode == "messages-tuple" else mode for mode in requested if mode != "events"}
    return sorted(modes | {"values"})


async def stream_chunks(
    graph: AnyPregel, given: Any, config: RunnableConfig, *, events: bool, subgraphs: bool, **options: Any
) -> AsyncIterator[Chunk]:
    """The graph's chunks; with `events`, LangChain's events come in between as mode `events`."""
    if not events:
        stream = graph.astream(given, config, subgraphs=subgraphs, **options)
        async with aclosing(cast(AsyncGenerator[Any, None], stream)) as chunks:
            async for chunk in chunks:
                yield chunk if subgraphs else ((), *chunk)
        return
    # Only astream_events sees inside; the graph's own chunks pass by as the root's `on_chain_stream`.
    root: str | None = None
    inside = graph.astream_events(given, config, version="v2", subgraphs=subgraphs, **options)
    async with aclosing(cast(AsyncGenerator[Any, None], inside)) as seen:
        async for event in seen:
            root = root or event["run_id"]
            if event["event"] == "on_chain_stream" and event["run_id"] == root:
                chunk = event["data"]["chunk"]
                yield chunk if subgraphs else ((), *chunk)
            yield (), "events", event


class StreamModes:
    """Turns LangGraph's chunks into the wire's events, as far as the request asked for them."""

    def __init__(self, requested: Sequence[str]) -> None:
        self._requested = frozenset(requested)
        self._messages = _Messages()

    def events(self, namespace: tuple[str, ...], mode: str, value: Any) -> Iterator[Payload]:
        """The wire's events for one chunk, in order."""
        if mode == "messages":
            yield from self._message_events(namespace, value)
        elif mode in self._requested:
            if mode == "debug" and value["type"] == "checkpoint":
                value = _with_checkpoint_ids(value)
            yield _qualified(mode, namespace), value

    def _message_events(self, namespace: tuple[str, ...], value: Any) -> Iterator[Payload]:
        # Both forms requested: only the tuples are sent (recorded).
        if "messages-tuple" in self._requested:
            yield _qualified("messages", namespace), value
        else:
            yield from self._messages.events(*value)


def _with_checkpoint_ids(event: dict[str, Any]) -> dict[str, Any]:
    """`debug` names the checkpoint and its parent beside their configs (recorded)."""
    payload = event["payload"]
    ids = {"checkpoint": payload["config"], "parent_checkpoint": payload["parent_config"]}
    return {**event, "payload": {**payload, **{name: _checkpoint_ids(config) for name, config in ids.items()}}}


def _checkpoint_ids(config: dict[str, Any] | None) -> dict[str, Any] | None:
    if config is None:
        return None
    configurable = config["configurable"]
    return {key: configurable.get(key) for key in ("checkpoint_id", "checkpoint_ns", "thread_id")}


def _qualified(mode: str, namespace: tuple[str, ...]) -> str:
    return "|".join((mode, *namespace))


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
