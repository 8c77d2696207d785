"""Cold start: from the command to an answer of `/ok`, beside an interpreter that only imports the graphs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from time import monotonic

from benchmarks.bench import Bench
from benchmarks.servers import ROOT, treadle
from benchmarks.subjects import COLD_START, IMPORT, SECONDS
from tests.live import EXAMPLES

IMPORTS = "import langgraph.graph, triage.graph, agent.graph"
"""LangGraph, and the graphs of the examples, which are compiled as they are imported."""


def measure(bench: Bench) -> None:
    """In turn; the first of each compiles the modules, and does not count."""
    for number in range(bench.rounds + 1):
        bench.say(f"{COLD_START}: round {number} of {bench.rounds}")
        for name, took in ((IMPORT, _import()), ("SQLite", serving(EXAMPLES))):
            if number:
                bench.add(COLD_START, name, SECONDS, took)


def _import() -> float:
    start = monotonic()
    subprocess.run([sys.executable, "-c", IMPORTS], cwd=ROOT / "examples", check=True)
    return monotonic() - start


def serving(config: Path, *, uri: str | None = None, **environment: str) -> float:
    """Seconds until a server of these graphs answers."""
    start = monotonic()
    with treadle("SQLite", uri=uri, config=config, **environment) as server:
        assert server.answers()
        return monotonic() - start
