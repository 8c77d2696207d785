"""The official development server, `langgraph dev`, beside Treadle and under the same load."""

from __future__ import annotations

from benchmarks import servers
from benchmarks.bench import Bench
from benchmarks.cannon import Request
from benchmarks.graphs import pour
from benchmarks.speed.throughput import STREAM, WAIT, Load, compare
from benchmarks.subjects import ONE_BY_ONE, STREAM_64, WAIT_1, WAIT_64

TO = (servers.memory, servers.sqlite, servers.official)
LOADS = {
    WAIT_1: Load(WAIT, 1, TO),
    WAIT_64: Load(WAIT, 64, TO),
    STREAM_64: Load(STREAM, 64, TO),
    ONE_BY_ONE: Load(Request("/runs/stream", pour()), 8, TO),
}


def measure(bench: Bench) -> None:
    """Nothing where the official server is not installed: the document says so."""
    if not servers.PEERS.is_dir():
        bench.figures.machine["official server"] = "could not be installed"
        return
    bench.figures.machine["langgraph-api"] = servers.official_version()
    compare(bench, LOADS, probe=4)  # it takes a second for a run, and 200 events take seconds
