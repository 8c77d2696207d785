"""Reads an event stream strictly: checks every frame of every stream, byte by byte."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn

from treadle.conformance.verdicts import Broken, require

# A number, or two numbers with a hyphen: the official server takes the milliseconds of its clock (recorded).
ID = re.compile(r"[0-9]+(-[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it was framed; `id` is None if the frame had none."""

    name: str
    data: Any
    id: str | None


def read(content: bytes) -> list[Event]:
    """The events of a whole stream. Raises Broken if its bytes break the wire format."""
    bare = content.replace(b"\r\n", b"")
    require(b"\n" not in bare and b"\r" not in bare, "a line does not end with CRLF")
    blocks = _text(content).split("\r\n\r\n")
    require(blocks.pop() == "", "the stream ends inside an event")
    return [_event(position, block) for position, block in enumerate(blocks) if not block.startswith(":")]


def verify(events: Iterable[Event], *, run_id: str | None, from_start: bool, resumable: bool | None) -> None:
    """Check the order of a stream's events. Raises Broken.

    `run_id` is the run that the headers name; `resumable` is None where the request does not tell.
    """
    events = list(events)
    if from_start:
        first = f"it is {events[0].name}" if events else "there is none"
        require(events and events[0].name == "metadata", f"the first event is not metadata: {first}")
    for position, event in enumerate(events):
        _verify_place(events, position, event, run_id)
    ids = [event.id for event in events if event.id is not None]
    require(len(ids) in (0, len(events)), "some events have an id and some have none")
    numbers = [ordinal(each) for each in ids]
    require(all(left < right for left, right in pairwise(numbers)), f"ids do not increase: {ids}")
    if resumable is not None and events:
        sent = "missing" if resumable else "sent"
        require(bool(ids) == resumable, f"ids are {sent}, stream_resumable is {json.dumps(resumable)}")


def ordinal(event_id: str) -> tuple[int, ...]:
    """The id as numbers: ids increase as numbers, not as text."""
    return tuple(int(part) for part in event_id.split("-"))


def _verify_place(events: Sequence[Event], position: int, event: Event, run_id: str | None) -> None:
    if event.name == "metadata":
        require(position == 0, f"event {position} is a second metadata")
        named = event.data.get("run_id") if isinstance(event.data, dict) else None
        require(named == run_id, f"metadata names run {named}, the headers name {run_id}")
    if event.name in ("error", "feedback") and position != len(events) - 1:
        raise Broken(f"an event follows {event.name}: {events[position + 1]}")


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise Broken(f"the stream is not UTF-8: {error}") from None


def _event(position: int, block: str) -> Event:
    fields = [line.partition(": ")[::2] for line in block.split("\r\n")]
    names = [name for name, _ in fields]
    require(names in (["event", "data"], ["event", "data", "id"]), f"event {position} has the fields {names}")
    values = dict(fields)
    require(values["event"], f"event {position} has no name")
    number = values.get("id")
    require(number is None or ID.fullmatch(number), f"event {position} has the id {number!r}")
    try:
        data = json.loads(values["data"], parse_constant=_no_constant)
    except ValueError as error:
        raise Broken(f"event {position}: data is not JSON: {error}") from None
    return Event(values["event"], data, number)


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
