"""Changes a valid run request before it is sent, so that the server carries it out and its graph does some work.

None of this is a limit of the contract, so none of it is in the document. Invalid data stays invalid.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from typing import Any

from tests.contract.inputs import ALIVE, ALIVE_SECONDS, STEERED

Json = dict[str, Any]
Inputs = Mapping[str, Sequence[Json]]
"""Every way to name an assistant -> inputs that its graph runs on."""

# Webhooks go here, since the fuzzer's own URLs must never be called: to the server itself, and to a port of this
# machine on which no process listens. The configuration of inputs.py allows no others.
SINKS = ("/ok", "http://127.0.0.1:9/hook")
# Surely valid: an URL that is what is wrong with a request must not be mended.
VALID_URL = re.compile(r"https?://[a-z0-9.-]{1,99}(/[a-z0-9/]{0,99})?")
_ID = "01a1fcc4-be40-7503-a98b-f479b877e3b9"
# Fields that clients send beside the contract's: no schema has them, so no fuzzer guesses them.
EXTENSIONS: list[Json] = [
    {"checkpoint": {"thread_id": _ID, "checkpoint_ns": "", "checkpoint_id": _ID, "checkpoint_map": {}}},
    {"checkpoint": None, "checkpoint_id": None, "langsmith_tracer": None},
    {"checkpoint_id": _ID},
    {"langsmith_tracer": {"project_name": "fuzzed", "example_id": _ID}, "strict_resume": True},
    {"interrupt_before": "*"},
    {"interrupt_after": ["wait", "agent"]},
    {"multitask_strategy": "reject", "if_not_exists": "create"},
]
# Seconds. Runs with a longer delay would stall the fuzzer; any delay is enough for the test.
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
    """The request without values that the server refuses by design and without EXTENSIONS; the rest is unchanged."""
    added = {name for extension in EXTENSIONS for name in extension}
    left = {name: value for name, value in body.items() if name not in added}
    command, config, context = left.get("command"), left.get("config"), left.get("context")
    if isinstance(command, dict) and command.get("resume"):
        # 400, declared: a stateless run has no thread to resume.
        left["command"] = {name: value for name, value in command.items() if name != "resume"}
    configurable = config.get("configurable") if isinstance(config, dict) else None
    if isinstance(context, dict) and isinstance(configurable, dict):
        # 400, declared: one key with two values.
        left["context"] = {name: value for name, value in context.items() if configurable.get(name, value) == value}
    return left


def refused_for_one_reason(body: Any) -> Any:
    """An invalid request without what is refused anyhow: that would hide that the server has not seen the fault."""
    if isinstance(body, list):
        return [refused_for_one_reason(each) for each in body]
    webhook = body.get("webhook") if isinstance(body, dict) else None
    valid = isinstance(webhook, str) and VALID_URL.fullmatch(webhook) is not None
    return {**body, "webhook": SINKS[-1]} if valid else body


def runnable(body: Json, inputs: Inputs, chosen: int = 0) -> Json:
    """The request with an input and enough steps, if it lacks them: most runs would end before the graph begins."""
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


def sendable_assistant(body: Json) -> Json:
    """The assistant, of a graph that is served and has a subgraph, without what only some requests may have."""
    kept: Json = {name: body[name] for name in ("if_exists", "description") if name in body}
    return {**kept, "graph_id": STEERED, "metadata": {"made": "in a sequence"}}


def searching(body: Json) -> Json:
    """The search or count of assistants; some name a graph that there is not, which a fuzzer does only by chance."""
    return body if number(body) % 12 else {**body, "graph_id": "no such graph"}


def storable(value: Any, *, nul: bool = True) -> Any:
    """The value without integers beyond 64 bits: LangGraph's store has none, which no schema can say of any depth.

    `nul`: whether the store takes the character U+0000, which PostgreSQL does not.
    """
    if isinstance(value, dict):
        return {storable(key, nul=nul): storable(each, nul=nul) for key, each in value.items()}
    if isinstance(value, list):
        return [storable(each, nul=nul) for each in value]
    if isinstance(value, str):
        return value if nul else value.replace("\0", "0")
    return 0 if isinstance(value, int) and not -(2**63) <= value < 2**64 else value


def number(body: Json) -> int:
    """A number that is equal for equal requests, and evenly distributed."""
    return zlib.crc32(json.dumps(body, sort_keys=True).encode())
