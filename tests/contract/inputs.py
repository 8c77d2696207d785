"""The graphs that are served to the fuzzer, and their inputs: the examples, and one that its input steers."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

Json = dict[str, Any]
EXAMPLES = Path(__file__).parent.parent.parent / "examples"
STEERED = "steered"
# Seconds for which a run stays pending or running, so that requests meet it alive; a wait for it takes as long.
ALIVE_SECONDS = 0.3
ALIVE: Json = {"seconds": ALIVE_SECONDS}


def graph_inputs(examples: Path = EXAMPLES) -> dict[str, list[Json]]:
    """Graph -> inputs; on the first one it runs to its end.

    Raises KeyError for an example that has none here, so that a new one is fuzzed too.
    """
    known: dict[str, list[Json]] = {
        "agent": [json.loads((examples / "greeting.json").read_text())],
        "triage": [{"email": (examples / "emails" / "budget_review.eml").read_text()}],
    }
    steered: list[Json] = [{"seconds": 0}, {"seconds": 0, "then": "ask"}, {"seconds": 0, "then": "fail"}]
    return {graph: known[graph] for graph in _config(examples)["graphs"]} | {STEERED: steered}


def graph_supersteps() -> list[tuple[str, list[Json]]]:
    """(graph, supersteps) that a thread of the graph can be created with."""
    greeting, answer = {"role": "user", "content": "hello"}, {"role": "assistant", "content": "good day"}
    return [
        ("agent", _steps({"as_node": "agent", "values": {"messages": [greeting, answer]}})),
        ("triage", _steps({"as_node": "__input__", "values": {"email": "Subject: x"}})),
        (STEERED, _steps({"as_node": "__start__", "values": ALIVE})),
        (
            STEERED,
            _steps(
                {"as_node": "__start__", "values": {"seconds": 0, "then": "ask"}},
                {"as_node": "wait", "values": {"answer": [None, 1.5, {"a": "b"}]}},
                {"as_node": "inner", "values": None},
            ),
        ),
        (STEERED, _steps({"as_node": "wait", "command": {"update": {"answer": 1}, "goto": "inner"}})),
        (STEERED, _steps({"as_node": "wait", "command": {"goto": [{"node": "inner", "input": {"then": "ask"}}]}})),
    ]


def write_config(folder: Path, examples: Path = EXAMPLES, *, steered: bool = True) -> Path:
    """A `langgraph.json` in `folder`: that of the examples, with the steered graph beside them.

    Webhooks may go to this machine only: fuzzers make up hosts, and nothing may be sent there.
    """
    config = _config(examples)
    graphs = {name: str(examples / spec) for name, spec in config["graphs"].items()}
    if steered:
        graphs[STEERED] = f"{Path(__file__).parent / 'steered.py'}:graph"
    dependencies = [os.path.relpath(examples / name, folder) for name in config["dependencies"]]
    path = folder / "langgraph.json"
    to_loopback = {"disable_loopback": False, "require_https": False, "allowed_domains": ["127.0.0.1"]}
    changes = {"graphs": graphs, "dependencies": dependencies, "webhooks": {"url": to_loopback}}
    path.write_text(json.dumps({**config, **changes}))
    return path


def _steps(*updates: Json) -> list[Json]:
    """One step for each update."""
    return [{"updates": [update]} for update in updates]


def _config(examples: Path) -> Json:
    config: Json = json.loads((examples / "langgraph.json").read_text())
    return config
