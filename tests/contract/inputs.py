"""An input for each graph of the examples, on which it runs to its end."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Json = dict[str, Any]
EXAMPLES = Path(__file__).parent.parent.parent / "examples"


def example_inputs(examples: Path = EXAMPLES) -> dict[str, Json]:
    """Graph -> input. Raises KeyError for a graph that has none here, so that a new example is fuzzed too."""
    known: dict[str, Json] = {
        "agent": json.loads((examples / "greeting.json").read_text()),
        "triage": {"email": (examples / "emails" / "budget_review.eml").read_text()},
    }
    return {graph: known[graph] for graph in json.loads((examples / "langgraph.json").read_text())["graphs"]}
