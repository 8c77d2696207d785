"""The log lines of a graph's author during a run: each names the run, thread, graph and node that it belongs to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.cli.processes import serve
from tests.cli.projects import project
from tests.live import DEADLINE, until

WHERE = {
    "in the factory": None,
    "in a coroutine": "awaited",
    "in a task": "awaited",
    "in a thread": "awaited",
    "in the executor": "awaited",
    "in a task of LangGraph": "_task",
    "by structlog": "awaited",
    "in a function": "plain",
    "in a subgraph": "inner",
}
"""The text logged in each kind of thread and task -> the node that logs it."""


@pytest.mark.parametrize("isolated", ["false", "true"])
def test_each_record_names_its_run(isolated: str) -> None:
    with serve("--port", "0", BG_JOB_ISOLATED_LOOPS=isolated) as process, httpx.Client(base_url=process.url) as http:
        body = {"assistant_id": "logging", "input": {"said": []}}
        created: list[dict[str, Any]] = http.post("/runs/batch", json=[body] * 5).json()
        for run in created:
            assert http.get(f"/runs/{run['run_id']}/join").json() == {"said": []}
        lines = [line for line in process.lines() if line["logger"] == "author"]
    for run in created:
        own = {line["what"]: line for line in lines if line["run_id"] == run["run_id"]}
        assert {what: line.get("node") for what, line in own.items()} == WHERE
        assert {(line["thread_id"], line["graph"]) for line in own.values()} == {(run["thread_id"], "logging")}
    assert len(lines) == len(WHERE) * len(created)


def test_the_extra_of_a_record_is_kept_beside_its_message() -> None:
    with serve("--port", "0") as process:
        httpx.post(
            f"{process.url}/runs/wait", json={"assistant_id": "logging", "input": {"said": []}}, timeout=DEADLINE
        )
        [line] = [line for line in process.lines() if line.get("what") == "in a function"]
    assert (line["event"], line["level"], line["logger"]) == ("said in a function", "info", "author")
    assert line["odd"] == "a value that JSON does not know"


HANDLED = """
import logging, structlog
from pathlib import Path
from langgraph.graph import START, StateGraph

class Unsayable:
    def model_dump(self):
        raise ValueError("cannot be said")

async def tell(state):
    structlog.get_logger("author").info("about", value=Unsayable())
    return {"said": True}

logging.getLogger("treadle.runs").addHandler(logging.FileHandler(Path(__file__).with_name("own.log")))
graph = StateGraph(dict).add_node(tell).add_edge(START, "tell").compile()
"""


def test_handlers_of_the_author_get_the_servers_lines(tmp_path: Path) -> None:
    """Even a value that cannot be logged costs a node nothing."""
    config = project(tmp_path, {"graphs": {"graph": "./graph.py:graph"}}, graph=HANDLED)
    with serve("--port", "0", config=config) as process:
        body = {"assistant_id": "graph", "input": {"said": False}}
        assert httpx.post(f"{process.url}/runs/wait", json=body, timeout=DEADLINE).json() == {"said": True}
        until(lambda: "run ended" in (tmp_path / "own.log").read_text())
