"""Runs a second, CPU time per run, and with one connection also how long a run takes: servers in turn."""

from __future__ import annotations

from contextlib import ExitStack
from typing import NamedTuple

from benchmarks import servers
from benchmarks.bench import Bench
from benchmarks.cannon import Request
from benchmarks.graphs import SMALL, pour
from benchmarks.servers import Server, Start
from benchmarks.subjects import (
    AT_ONCE,
    CPU,
    ONE_BY_ONE,
    P50,
    P99,
    RATE,
    STREAM_16,
    STREAM_64,
    WAIT_1,
    WAIT_16,
    WAIT_64,
)

ONE = (servers.floor, servers.memory, servers.sqlite)
ALL = (*ONE, servers.two_workers, servers.two_floors)


class Load(NamedTuple):
    """Requests of one kind, over a number of connections, and the servers that get them."""

    request: Request
    connections: int
    to: tuple[Start, ...] = ONE


WAIT = Request("/runs/wait", SMALL)
STREAM = Request("/runs/stream", {**SMALL, "stream_mode": "updates"})
LOADS = {
    WAIT_1: Load(WAIT, 1),
    WAIT_16: Load(WAIT, 16),
    WAIT_64: Load(WAIT, 64, ALL),
    STREAM_16: Load(STREAM, 16),
    STREAM_64: Load(STREAM, 64, ALL),
    AT_ONCE: Load(Request("/runs/stream", pour(burst=200)), 8),
    ONE_BY_ONE: Load(Request("/runs/stream", pour()), 8),
}


def measure(bench: Bench) -> None:
    """All loads and servers in each round, so that what disturbs the machine for a while shows in the spread."""
    compare(bench, LOADS)


def compare(bench: Bench, loads: dict[str, Load], *, probe: int = 30) -> None:
    """Send each load to its servers, in every round in another order; `probe` requests show how many fit in a turn."""
    starts = dict.fromkeys(start for load in loads.values() for start in load.to)
    with ExitStack() as stack:
        running = {start: stack.enter_context(start()) for start in starts}
        turns = [(name, load, running[start]) for name, load in loads.items() for start in load.to]
        amounts = []
        for name, load, server in turns:
            bench.say(f"warm-up: {name}, {server.name}")
            amounts.append(bench.amount(server, load.request, load.connections, probe=probe))
        for number in range(bench.rounds):
            order = list(zip(turns, amounts, strict=True))
            for (name, load, server), amount in order[:: 1 if number % 2 else -1]:
                bench.say(f"round {number + 1} of {bench.rounds}: {name}, {server.name}")
                _turn(bench, name, load, server, amount)


def _turn(bench: Bench, name: str, load: Load, server: Server, amount: int) -> None:
    volley, cpu = bench.turn(server, load.request, load.connections, amount)
    bench.add(name, server.name, RATE, volley.rate)
    bench.add(name, server.name, CPU, cpu * 1e6)
    if load.connections == 1:
        bench.add(name, server.name, P50, volley.p50)
        bench.add(name, server.name, P99, volley.p99)
