"""What a graph is called with beside its config: the run's input or command, and its context."""

from __future__ import annotations

import dataclasses
from typing import Any

from langgraph.types import Command, Send
from typing_extensions import is_typeddict

from treadle.graphs.loading import AnyPregel


def graph_input(given: Any, command: dict[str, Any] | None) -> Any:
    """What the graph is called with: a command takes precedence over an input (recorded)."""
    return graph_command(command) if command else given


def graph_command(command: dict[str, Any]) -> Command[Any]:
    """LangGraph's Command for the API's: JSON has no tuples, which LangGraph wants for the pairs of an update."""
    goto, update = command.get("goto"), command.get("update")
    return Command(
        update=[tuple(pair) if isinstance(pair, list) else pair for pair in update]
        if isinstance(update, list)
        else update,
        resume=command.get("resume"),
        goto=[_destination(item) for item in (goto if isinstance(goto, list) else [goto] if goto else [])],
    )


def _destination(item: Any) -> str | Send:
    return Send(item["node"], item["input"]) if isinstance(item, dict) else item


def graph_context(graph: AnyPregel, context: dict[str, Any]) -> Any:
    """The run's context for the graph's schema: a dataclass takes the keys that it has, a TypedDict takes all keys."""
    schema = graph.context_schema
    if not context:
        return None if schema is None or is_typeddict(schema) else {}
    if schema is not None and dataclasses.is_dataclass(schema):
        names = {field.name for field in dataclasses.fields(schema)}
        return {key: value for key, value in context.items() if key in names}
    return context  # pydantic drops unknown keys by itself
