"""A server with next to nothing to do: how long `/ok` takes, and what it costs to have nothing to do at all."""

from __future__ import annotations

import asyncio
import time

from benchmarks.bench import Bench
from benchmarks.conditions.requests import took
from benchmarks.servers import memory, sqlite, treadle
from benchmarks.subjects import IDLE

SECONDS = 10.0


def measure(bench: Bench) -> None:
    """One request after the other on one connection; then a server alone, and one of two on the same file."""
    for start in (memory, sqlite):
        with start() as server:
            bench.durations("`/ok` on an idle server", server.name, asyncio.run(took(server.url, "GET", "/ok", None)))
    uri = f"sqlite:///{bench.folder}/idle.db"
    with treadle("SQLite", uri=uri) as one, treadle("SQLite", uri=uri) as other:
        bench.say("two servers with nothing to do")
        time.sleep(1)  # what comes with the start
        before = [one.cpu_time(), other.cpu_time()]
        time.sleep(SECONDS)
        for server, was in zip((one, other), before, strict=True):
            bench.add("one of two servers on a file", server.name, IDLE, (server.cpu_time() - was) / SECONDS * 1000)
