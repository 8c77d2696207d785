"""Checks of streams: the events of each mode, their ids, and events of subgraphs."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from treadle.conformance.attempts import Attempt, Probe
from treadle.conformance.graphs import ASKING, FAILING, STEPS
from treadle.conformance.operations import BATCH, RUNS, STREAM, WAIT
from treadle.conformance.streams import Event
from treadle.conformance.verdicts import require

Check = Callable[[Attempt], None]
MODES = {
    "values": "values",
    "updates": "updates",
    "messages": "messages/(metadata|partial|complete)",
    "messages-tuple": "messages",
    "tasks": "tasks",
    "checkpoints": "checkpoints",
    "debug": "debug",
    "events": "events",
    "custom": "custom",
}
"""Stream mode -> the names of its events."""
RUN: dict[str, Any] = {"assistant_id": STEPS, "input": {"trail": []}}
TRAIL = ["first", "model", "inside"]


def probes() -> list[Probe]:
    """All checks of this module."""
    on_stream = (STREAM,)
    return [
        *(Probe(f"stream_mode={mode}", on_stream, _only(mode), "stream_mode") for mode in MODES),
        *(
            Probe(
                f"events of {mode}", on_stream, _events(mode), "stream_mode", graphs=True, keeps=mode == "checkpoints"
            )
            for mode in MODES
        ),
        Probe("stream_mode left out", on_stream, _default, "stream_mode"),
        Probe("two modes", on_stream, _two_modes, "stream_mode", graphs=True),
        Probe("stream_mode=updates", (WAIT,), _no_values, "stream_mode"),
        Probe("stream_mode=updates", (RUNS, BATCH), _listed, "stream_mode"),
        Probe("stream_resumable", (RUNS, WAIT, BATCH), _accepted, "stream_resumable"),
        Probe("stream_resumable=true", on_stream, _resumable(True), "stream_resumable"),
        Probe("stream_resumable=false", on_stream, _resumable(False), "stream_resumable"),
        Probe("stream_subgraphs", on_stream, _subgraphs, "stream_subgraphs", graphs=True),
        Probe("stream_subgraphs", (RUNS, WAIT, BATCH), _subgraphs_accepted, "stream_subgraphs"),
        Probe("error event", on_stream, _error, graphs=True),
        Probe("interrupt in updates", on_stream, _interrupt, graphs=True),
    ]


def _stream(attempt: Attempt, *, resumable: bool = False, **fields: Any) -> list[Event]:
    """The events of a run, in a stream that is ordered as recorded."""
    if resumable:
        fields["stream_resumable"] = True
    created = attempt.create(**fields)
    attempt.require_order(created.answer, created.run_id, resumable=resumable)
    return created.answer.events


def _named(events: list[Event], pattern: str) -> list[Any]:
    return [event.data for event in events if re.fullmatch(pattern, event.name)]


def _only(mode: str) -> Check:
    def check(attempt: Attempt) -> None:
        events = _stream(attempt, stream_mode=[mode])
        known = f"{MODES[mode]}|metadata|error|feedback"
        others = [event.name for event in events if not re.fullmatch(known, event.name)]
        require(not others, f"events of other modes come with stream_mode {mode}: {sorted(set(others))}")
        alone = _stream(attempt, stream_mode=mode)
        names = {event.name for event in alone} ^ {event.name for event in events}
        require(not names, f"{mode} as a string and as a list give other events: {sorted(names)}")

    return check


def _events(mode: str) -> Check:
    def check(attempt: Attempt) -> None:
        kept: dict[str, Any] = {"on_completion": "keep"} if mode == "checkpoints" else {}
        events = _named(_stream(attempt, stream_mode=[mode], **RUN, **kept), MODES[mode])
        require(events, f"no events of the mode {mode} come")
        fault = CONTENTS[mode](events) if mode in CONTENTS else None
        require(fault is None, f"{mode}: {fault}")

    return check


def _values(events: list[Any]) -> str | None:
    return None if events[-1].get("trail") == TRAIL else f"the last event is {events[-1]!r:.200}"


def _updates(events: list[Any]) -> str | None:
    nodes = [name for event in events for name in event]
    return None if nodes == ["first", "model", "nested"] else f"the updates are of the nodes {nodes}"


def _custom(events: list[Any]) -> str | None:
    return None if events == [{"progress": 1}, {"progress": 2}] else f"the events are {events!r:.200}"


def _tokens(events: list[Any]) -> str | None:
    text = "".join(message["content"] for message, _ in events)
    return None if text == "alpha beta gamma" else f"the tokens make {text!r}"


def _messages(events: list[Any]) -> str | None:
    partial = [event[-1]["content"] for event in events if isinstance(event, list)]
    return None if partial[-1:] == ["alpha beta gamma"] else f"the message is {partial[-1:]}"


def _tasks(events: list[Any]) -> str | None:
    started = [event["name"] for event in events if "input" in event]
    return None if started == ["first", "model", "nested"] else f"the tasks that start are {started}"


CONTENTS: dict[str, Callable[[list[Any]], str | None]] = {
    "values": _values,
    "updates": _updates,
    "custom": _custom,
    "messages-tuple": _tokens,
    "messages": _messages,
    "tasks": _tasks,
}
"""What is wrong with the events of a mode, for the modes whose data the probe graph determines."""


def _default(attempt: Attempt) -> None:
    names = {event.name for event in _stream(attempt)}
    require(names <= {"metadata", "values", "error"}, f"without stream_mode come {sorted(names)}")


def _two_modes(attempt: Attempt) -> None:
    events = _stream(attempt, stream_mode=["updates", "custom"], **RUN)
    names = [event.name for event in events]
    expected = ["metadata", "custom", "custom", "updates", "updates", "updates"]
    require(names == expected, f"the events are {names}, and not {expected}")


def _no_values(attempt: Attempt) -> None:
    body = attempt.create(stream_mode=["updates"]).answer.json
    require(body == {} or set(body) <= {"__error__", "__interrupt__"}, f"without the mode values it is {body!r:.200}")


def _listed(attempt: Attempt) -> None:
    asked = (attempt.create(stream_mode="updates").shown or {}).get("kwargs", {}).get("stream_mode")
    require(asked == ["updates"], f"kwargs.stream_mode of the Run is {asked!r}")


def _accepted(attempt: Attempt) -> None:
    attempt.outcome(stream_resumable=True)


def _resumable(resumable: bool) -> Check:
    def check(attempt: Attempt) -> None:
        if resumable:
            _stream(attempt, resumable=True)
        else:
            _stream(attempt, stream_resumable=False)

    return check


def _subgraphs(attempt: Attempt) -> None:
    for wanted in (True, False):
        events = _stream(attempt, stream_mode=["updates"], stream_subgraphs=wanted, **RUN)
        inner = [event.name for event in events if event.name.startswith("updates|")]
        require(bool(inner) == wanted, f"stream_subgraphs={wanted} gives events of subgraphs: {inner}")


def _subgraphs_accepted(attempt: Attempt) -> None:
    attempt.outcome(stream_subgraphs=True)


def _error(attempt: Attempt) -> None:
    last = _stream(attempt, assistant_id=FAILING, input={"given": 1})[-1]
    require(last.name == "error", f"the last event of a run that fails is {last.name}")
    require(last.data.get("error") == "ValueError", f"the error event has {last.data!r:.200}")


def _interrupt(attempt: Attempt) -> None:
    updates = _named(_stream(attempt, stream_mode=["updates"], assistant_id=ASKING, input={"given": 1}), "updates")
    asked = [each.get("value") for update in updates for each in update.get("__interrupt__", ())]
    require(asked == [{"question": "conform"}], f"the interrupts in updates are {asked}")
