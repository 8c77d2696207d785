"""What becomes of a valid run request before it is sent: left within what the server carries out, and worth running.

None of this is a limit of the contract, so none of it is in the document. Invalid data is sent as it was generated.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from typing import Any

Json = dict[str, Any]

# Field -> why valid data does not have it: the contract allows it, and this version of the server refuses it by name.
# test_positives.py holds each against a server: one that is carried out has to be taken from here, to be fuzzed.
REFUSED_FIELDS = {
    "webhook": "422; and a host name made up by the fuzzer must never be called",
    "feedback_keys": "422",
    "checkpoint": "422",
    "checkpoint_id": "422",
    "langsmith_tracer": "422",
}
# Runs that wait longer before they start would stall the fuzzer; that they wait is what is tested.
LONGEST_DELAY = 0.2
ENOUGH_STEPS = 50


def sendable(body: Json, inputs: Mapping[str, Json], *, background: bool = False) -> Json:
    """The request as it is sent; `inputs` has an input for each way to name an assistant.

    Of the runs in the background some wait for a moment and some are kept, for the operations on such runs.
    """
    body = without_refusals(body)
    delay = body.get("after_seconds")
    if isinstance(delay, int | float) and delay > LONGEST_DELAY:
        body["after_seconds"] = LONGEST_DELAY
    kind = _one_of_four(body)
    if kind == 0:
        return {**body, "after_seconds": LONGEST_DELAY} if background else body
    if kind == 1 and background:
        body["on_completion"] = "keep"
    return runnable(body, inputs)


def without_refusals(body: Json) -> Json:
    """The request without what the server refuses by design; everything else as it was."""
    kept = {name: value for name, value in body.items() if name not in REFUSED_FIELDS or not value}
    command, config, context = kept.get("command"), kept.get("config"), kept.get("context")
    if isinstance(command, dict) and command.get("resume"):
        # 400, declared: a stateless run has no thread to resume.
        kept["command"] = {name: value for name, value in command.items() if name != "resume"}
    configurable = config.get("configurable") if isinstance(config, dict) else None
    if isinstance(context, dict) and isinstance(configurable, dict):
        # 400, declared: one key with two values.
        kept["context"] = {name: value for name, value in context.items() if configurable.get(name, value) == value}
    return kept


def runnable(body: Json, inputs: Mapping[str, Json]) -> Json:
    """The request with an input and steps to run on, if it has none: most would end before the graph begins."""
    runs = dict(body)
    if runs.get("input") is None:
        runs["input"] = inputs.get(body["assistant_id"])
    if runs.get("command") is None:
        runs.pop("command", None)
    config = runs.get("config")
    limit = config.get("recursion_limit") if isinstance(config, dict) else None
    if isinstance(config, dict) and isinstance(limit, int) and limit < ENOUGH_STEPS:
        runs["config"] = {**config, "recursion_limit": ENOUGH_STEPS}
    return runs


def _one_of_four(body: Json) -> int:
    """0 to 3, always the same for the same request."""
    return zlib.crc32(json.dumps(body, sort_keys=True).encode()) % 4
