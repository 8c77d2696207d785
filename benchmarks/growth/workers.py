"""Several processes of Treadle on one file, and what their file alone can take."""

from __future__ import annotations

import subprocess
import sys
from functools import partial

from benchmarks.bench import Bench
from benchmarks.growth import writing
from benchmarks.servers import ROOT, treadle
from benchmarks.speed.throughput import STREAM, WAIT
from benchmarks.subjects import CPU, PROCESSES_STORE, PROCESSES_STREAM, PROCESSES_WAIT, RATE

PROCESSES = (1, 2, 3)
CONNECTIONS = 64


def measure(bench: Bench) -> None:
    """Runs with 64 connections; then processes that store runs and their ends, without graphs and without HTTP."""
    for at in PROCESSES:
        with treadle("SQLite", "--workers", str(at)) as server:
            for what, request in ((PROCESSES_WAIT, WAIT), (PROCESSES_STREAM, STREAM)):
                bench.say(f"{what}: {at}")
                amount = bench.amount(server, request, CONNECTIONS)
                for _ in range(bench.rounds):
                    volley, cpu = bench.turn(server, request, CONNECTIONS, amount)
                    bench.add(what, "SQLite", RATE, volley.rate, at)
                    bench.add(what, "SQLite", CPU, cpu * 1e6, at)
        for number in range(bench.rounds):
            bench.say(f"{PROCESSES_STORE}: {at}")
            uri = f"sqlite:///{bench.folder}/stored-{at}-{number}.db"
            bench.add(PROCESSES_STORE, "SQLite", RATE, store_alone(uri, at, bench.seconds), at)


def store_alone(uri: str, processes: int, seconds: float) -> float:
    """Runs a second that so many processes together add and settle."""
    line = [sys.executable, "-m", writing.__name__, uri, str(max(1.0, seconds))]
    popen = partial(subprocess.Popen, line, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    running = [popen() for _ in range(processes)]
    for process in running:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in running:
        assert process.stdin is not None
        process.stdin.write("begin\n")
        process.stdin.flush()
    return sum(float(process.communicate()[0]) for process in running)
