"""What becomes of a valid run request before it is sent: left within what the server carries out, and worth running.

None of this is a limit of the contract, so none of it is in the document. Invalid data is sent as it was generated.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from tests.contract.inputs import ALIVE, ALIVE_SECONDS, STEERED

Json = dict[str, Any]
Inputs = Mapping[str, Sequence[Json]]
"""Every way to name an assistant -> inputs that its graph runs on."""

# Field -> why valid data does not have it: the contract allows it, and this version of the server refuses it by name.
# test_positives.py holds each against a server: one that is carried out has to be taken from here, to be fuzzed.
REFUSED_FIELDS = {
    "feedback_keys": "422",
}
# Where webhooks go instead of where the fuzzer says, which must never be called: to the server itself, and to a port
# of this machine that nobody listens on. The configuration of inputs.py allows no more.
SINKS = ("/ok", "http://127.0.0.1:9/hook")
_ID = "01a1fcc4-be40-7503-a98b-f479b877e3b9"
# What clients send beside the contract's fields: no schema has it, so no fuzzer guesses it.
EXTENSIONS: list[Json] = [
    {"checkpoint": {"thread_id": _ID, "checkpoint_ns": "", "checkpoint_id": _ID, "checkpoint_map": {}}},
    {"checkpoint": None, "checkpoint_id": None, "langsmith_tracer": None},
    {"checkpoint_id": _ID},
    {"langsmith_tracer": {"project_name": "fuzzed", "example_id": _ID}, "strict_resume": True},
    {"interrupt_before": "*"},
    {"interrupt_after": ["wait", "agent"]},
    {"multitask_strategy": "reject", "if_not_exists": "create"},
]
# Runs that wait longer before they start would stall the fuzzer; that they wait is what is tested.
LONGEST_DELAY = 0.2
ENOUGH_STEPS = 50


def sendable(body: Json, inputs: Inputs, *, background: bool = False, sequence: bool = False) -> Json:
    """The request as it is sent.

    Some runs in the background wait for a moment, and some are kept. In a sequence of operations most of them are still
    alive when the next operation comes, and the other runs have left something to read.
    """
    body = without_refusals(body)
    delay = body.get("after_seconds")
    if isinstance(delay, int | float) and delay > LONGEST_DELAY:
        body["after_seconds"] = LONGEST_DELAY
    chosen = number(body)
    if body.get("webhook"):
        body["webhook"] = SINKS[chosen % len(SINKS)]
    kind, extension = chosen % 8, chosen // 8 % (2 * len(EXTENSIONS))
    if sequence and background and kind < 5:
        return alive(runnable(body, inputs, chosen), kind)
    if extension < len(EXTENSIONS):
        body.update(EXTENSIONS[extension])
    if sequence and not background and kind < 6:
        return kept(runnable(body, inputs), inputs, kind)
    if kind == 5:
        return {**body, "after_seconds": LONGEST_DELAY} if background else body
    if kind == 6 and background:
        body["on_completion"] = "keep"
    return body if kind == 7 else runnable(body, inputs, chosen)


def alive(body: Json, kind: int) -> Json:
    """The request of a run that is pending, or running, when the next operation comes."""
    lasting = {**body, "on_completion": "keep" if kind % 2 else "delete"}
    if kind < 2:
        return {**lasting, "after_seconds": ALIVE_SECONDS}
    return {**lasting, "assistant_id": STEERED, "input": ALIVE, "after_seconds": 0}


def kept(body: Json, inputs: Inputs, kind: int) -> Json:
    """The request of a run that leaves states: it ended, asks something, or failed."""
    steered = inputs[STEERED]
    left = {name: value for name, value in body.items() if name != "command"}
    return {**left, "assistant_id": STEERED, "input": steered[kind % len(steered)], "on_completion": "keep"}


def without_refusals(body: Json) -> Json:
    """The request without what the server refuses by design, and without what may be added; the rest as it was."""
    added = {name for extension in EXTENSIONS for name in extension}
    left = {name: value for name, value in body.items() if name not in added and not (name in REFUSED_FIELDS and value)}
    command, config, context = left.get("command"), left.get("config"), left.get("context")
    if isinstance(command, dict) and command.get("resume"):
        # 400, declared: a stateless run has no thread to resume.
        left["command"] = {name: value for name, value in command.items() if name != "resume"}
    configurable = config.get("configurable") if isinstance(config, dict) else None
    if isinstance(context, dict) and isinstance(configurable, dict):
        # 400, declared: one key with two values.
        left["context"] = {name: value for name, value in context.items() if configurable.get(name, value) == value}
    return left


def runnable(body: Json, inputs: Inputs, chosen: int = 0) -> Json:
    """The request with an input and steps to run on, if it has none: most would end before the graph begins."""
    runs = dict(body)
    if runs.get("input") is None:
        known = inputs[body["assistant_id"]]
        runs["input"] = known[chosen // 64 % len(known)]
    if runs.get("command") is None:
        runs.pop("command", None)
    config = runs.get("config")
    limit = config.get("recursion_limit") if isinstance(config, dict) else None
    if isinstance(config, dict) and isinstance(limit, int) and limit < ENOUGH_STEPS:
        runs["config"] = {**config, "recursion_limit": ENOUGH_STEPS}
    return runs


def number(body: Json) -> int:
    """Always the same for the same request, and evenly spread."""
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())
