"""A server whose `store.index.embed` never answers ends all the same."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import serve
from tests.live import DEADLINE, until

AGENT = """
import asyncio, pathlib
from typing import TypedDict
from langgraph.config import get_store
from langgraph.graph import START, StateGraph

class State(TypedDict, total=False):
    way: str

async def embed(texts):
    pathlib.Path(__file__).with_name("asked").touch()
    await asyncio.sleep(1000)

async def node(state):
    if state["way"] == "awaited":
        await get_store().aput(("a",), "k", {"text": "x"})
    else:
        get_store().put(("a",), "k", {"text": "x"})
    return {}

def plain(state):
    get_store().put(("a",), "k", {"text": "x"})
    return {}

awaited = StateGraph(State).add_node(node).add_edge(START, "node").compile()
threaded = StateGraph(State).add_node(plain).add_edge(START, "plain").compile()
"""


@pytest.mark.parametrize("isolated", ["false", "true"])
@pytest.mark.parametrize(("graph", "way"), [("awaited", "awaited"), ("awaited", "blocking"), ("threaded", "")])
def test_a_second_signal_ends_it(tmp_path: Path, isolated: str, graph: str, way: str) -> None:
    (tmp_path / "agent.py").write_text(AGENT)
    config = tmp_path / "langgraph.json"
    graphs = {"awaited": "./agent.py:awaited", "threaded": "./agent.py:threaded"}
    config.write_text(json.dumps({"graphs": graphs, "store": {"index": {"embed": "./agent.py:embed", "dims": 2}}}))
    variables = {"BG_JOB_SHUTDOWN_GRACE_PERIOD_SECS": "300", "BG_JOB_ISOLATED_LOOPS": isolated}
    with serve("--port", "0", config=config, **variables) as server:
        httpx.post(f"{server.url}/runs", json={"assistant_id": graph, "input": {"way": way}}, timeout=DEADLINE)
        until(lambda: (tmp_path / "asked").exists())
        server.process.send_signal(signal.SIGINT)
        until(lambda: "waiting for runs to end" in str(server.lines()))
        server.process.send_signal(signal.SIGINT)
        assert server.process.wait(60) is not None
