"""The events of a run, one class for each kind."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias, TypedDict

import httpx_sse

from treadle_client import results
from treadle_client.documents import typed


@dataclass(frozen=True, slots=True, kw_only=True)
class _Event:
    id: str | None = field(default=None, compare=False)
    """The event's position in the run, if its stream can be resumed."""
    namespace: tuple[str, ...] = ()
    """The subgraph that the event comes from, outermost first; empty for the graph itself."""


@dataclass(frozen=True, slots=True)
class Metadata(_Event):
    """The first event of each stream."""

    data: results.RunStarted
    name: ClassVar[str] = "metadata"


@dataclass(frozen=True, slots=True)
class Values(_Event):
    """The whole state, after the input and after each step."""

    data: Any
    name: ClassVar[str] = "values"


@dataclass(frozen=True, slots=True)
class Updates(_Event):
    """What each node that ran has written, by the node's name; `__interrupt__` has the interrupts."""

    data: dict[str, Any]
    name: ClassVar[str] = "updates"


@dataclass(frozen=True, slots=True)
class Messages(_Event):
    """A chunk of a model's message, and the metadata of the call (stream mode `messages-tuple`)."""

    data: tuple[dict[str, Any], dict[str, Any]]
    name: ClassVar[str] = "messages"


@dataclass(frozen=True, slots=True)
class MessagesMetadata(_Event):
    """Metadata by message id, before the message's first chunk (stream mode `messages`)."""

    data: dict[str, Any]
    name: ClassVar[str] = "messages/metadata"


@dataclass(frozen=True, slots=True)
class MessagesPartial(_Event):
    """A message as far as it has come (stream mode `messages`)."""

    data: list[dict[str, Any]]
    name: ClassVar[str] = "messages/partial"


@dataclass(frozen=True, slots=True)
class MessagesComplete(_Event):
    """A message that came whole (stream mode `messages`)."""

    data: list[dict[str, Any]]
    name: ClassVar[str] = "messages/complete"


@dataclass(frozen=True, slots=True)
class Custom(_Event):
    """A value that a node wrote to its stream writer."""

    data: Any
    name: ClassVar[str] = "custom"


@dataclass(frozen=True, slots=True)
class Tasks(_Event):
    """The start of a node, or its result."""

    data: dict[str, Any]
    name: ClassVar[str] = "tasks"


@dataclass(frozen=True, slots=True)
class Checkpoints(_Event):
    """A checkpoint of a run whose thread is kept."""

    data: dict[str, Any]
    name: ClassVar[str] = "checkpoints"


@dataclass(frozen=True, slots=True)
class Debug(_Event):
    """A step in full detail."""

    data: dict[str, Any]
    name: ClassVar[str] = "debug"


@dataclass(frozen=True, slots=True)
class Events(_Event):
    """An event of LangChain, version 2."""

    data: dict[str, Any]
    name: ClassVar[str] = "events"


@dataclass(frozen=True, slots=True)
class Feedback(_Event):
    """A URL for each of the run's feedback keys, at the end of a run that succeeded."""

    data: dict[str, str]
    name: ClassVar[str] = "feedback"


@dataclass(frozen=True, slots=True)
class Error(_Event):
    """Why the run failed. It is the last event; reading on raises RunFailed."""

    data: results.RunFailure
    name: ClassVar[str] = "error"


@dataclass(frozen=True, slots=True)
class UnknownEvent(_Event):
    """An event of a kind that this version of the client does not know."""

    name: str
    data: Any


Event: TypeAlias = (
    Metadata
    | Values
    | Updates
    | Messages
    | MessagesMetadata
    | MessagesPartial
    | MessagesComplete
    | Custom
    | Tasks
    | Checkpoints
    | Debug
    | Events
    | Feedback
    | Error
    | UnknownEvent
)
"""Any event of a run."""

_KINDS: dict[str, Any] = {kind.name: kind for kind in Event.__args__ if kind is not UnknownEvent}
_DATA: dict[str, Any] = {
    "metadata": results.RunStarted,
    "error": results.RunFailure,
    "feedback": dict[str, str],
    "messages": tuple[dict[str, Any], dict[str, Any]],
    "messages/metadata": dict[str, Any],
    "messages/partial": list[dict[str, Any]],
    "messages/complete": list[dict[str, Any]],
    **dict.fromkeys(("updates", "tasks", "checkpoints", "debug", "events"), dict[str, Any]),
}


class _Common(TypedDict):
    id: str | None
    namespace: tuple[str, ...]


def read_event(event: httpx_sse.ServerSentEvent) -> Event:
    """The typed event. Raises ValueError, with the place of the value, if its data are of another type."""
    name, _, namespace = event.event.partition("|")
    data = json.loads(event.data)
    common = _Common(id=event.id or None, namespace=tuple(namespace.split("|")) if namespace else ())
    if name not in _KINDS:
        return UnknownEvent(event.event, data, **common)
    found: Event = _KINDS[name](typed(data, _DATA.get(name, Any)), **common)
    return found
