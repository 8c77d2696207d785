"""Projects in a temporary folder: a `langgraph.json` and the files beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

BASE = """
from typing import Any, TypedDict
from langgraph.graph import START, StateGraph

class State(TypedDict, total=False):
    said: Any

def saying(said: Any) -> StateGraph[Any, Any, Any, Any]:
    builder = StateGraph(State)
    builder.add_node("say", lambda state: {"said": said})
    builder.add_edge(START, "say")
    return builder
"""
GRAPH = "from base import saying\ngraph = saying('hello').compile()\n"


def project(folder: Path, document: Any, **files: str) -> Path:
    """Write a project, with `base.py` beside the files that are given by module; the path of its `langgraph.json`."""
    for module, text in {"base": BASE, "graph": GRAPH, **files}.items():
        path = folder / f"{module.replace('.', '/')}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    config = folder / "langgraph.json"
    config.write_text(json.dumps(document))
    return config
