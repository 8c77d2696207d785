"""Garbage is collected while the author's code runs: start-up collects none while it imports modules of its own."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from tests.cli.processes import serve, treadle_from_scratch
from tests.cli.projects import project

WATCHING = """
import gc
from base import State, saying
from langgraph.graph import START, StateGraph

at_import = gc.isenabled()
builder = StateGraph(State)
builder.add_node("say", lambda state: {"said": [at_import, gc.isenabled(), gc.get_threshold()[0]]})
builder.add_edge(START, "say")
graph = builder.compile()
"""
DOCUMENT = {"dependencies": ["."], "graphs": {"watching": "./graph.py:graph"}}


def test_in_a_server(tmp_path: Path) -> None:
    with serve(config=project(tmp_path, DOCUMENT, graph=WATCHING)) as server:
        answer = httpx.post(f"{server.url}/runs/wait", json={"assistant_id": "watching", "input": {}})
    assert answer.json() == {"said": [True, True, 20_000]}


def test_in_a_run_without_a_server(tmp_path: Path) -> None:
    config = project(tmp_path, DOCUMENT, graph=WATCHING)
    done = treadle_from_scratch("run", "watching", "{}", "--config", config)
    assert json.loads(done.stdout)["said"][:2] == [True, True]
