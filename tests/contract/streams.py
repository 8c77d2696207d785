"""Reads an event stream strictly: checks every frame of every stream, byte by byte."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NoReturn


@dataclass(frozen=True, slots=True)
class Event:
    """One event as it was framed; `id` is None if the frame had none."""

    name: str
    data: Any
    id: int | None


def read(content: bytes) -> list[Event]:
    """The events of a whole stream. Raises AssertionError if its bytes break the wire format."""
    assert b"\n" not in content.replace(b"\r\n", b"") and b"\r" not in content.replace(b"\r\n", b""), (
        "a line does not end with CRLF"
    )
    blocks = _text(content).split("\r\n\r\n")
    assert blocks.pop() == "", "the stream ends inside an event"
    return [_event(position, block) for position, block in enumerate(blocks) if not block.startswith(":")]


def verify(events: Iterable[Event], *, run_id: str | None, from_start: bool, resumable: bool | None) -> None:
    """Check the order of a stream's events. Raises AssertionError.

    `run_id` is the run that the headers name; `resumable` is None where the request does not tell.
    """
    events = list(events)
    if from_start:
        assert events and events[0].name == "metadata", f"the first event is {events[:1]}, not metadata"
    for position, event in enumerate(events):
        if event.name == "metadata":
            assert position == 0, f"event {position} is a second metadata"
            named = event.data.get("run_id") if isinstance(event.data, dict) else None
            assert named == run_id, f"metadata names run {named}, the headers name {run_id}"
        if event.name in ("error", "feedback"):
            assert position == len(events) - 1, f"an event follows {event.name}: {events[position + 1]}"
    ids = [event.id for event in events if event.id is not None]
    assert len(ids) in (0, len(events)), "some events have an id and some have none"
    assert all(left < right for left, right in pairwise(ids)), f"ids do not increase: {ids}"
    if resumable is not None and events:
        assert bool(ids) == resumable, f"ids are {'missing' if resumable else 'sent'}, stream_resumable is {resumable}"


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise AssertionError(f"the stream is not UTF-8: {error}") from None


def _event(position: int, block: str) -> Event:
    fields = [line.partition(": ")[::2] for line in block.split("\r\n")]
    names = [name for name, _ in fields]
    assert names in (["event", "data"], ["event", "data", "id"]), f"event {position} has the fields {names}"
    values = dict(fields)
    assert values["event"], f"event {position} has no name"
    number = values.get("id")
    assert number is None or (number.isascii() and number.isdigit()), f"event {position} has the id {number!r}"
    try:
        data = json.loads(values["data"], parse_constant=_no_constant)
    except ValueError as error:
        raise AssertionError(f"event {position}: data is not JSON: {error}") from None
    return Event(values["event"], data, None if number is None else int(number))


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
