"""One connection, and runs that grow: by the number of their events, and by the size of their state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from benchmarks.bench import Bench
from benchmarks.cannon import Request
from benchmarks.graphs import SMALL, pour
from benchmarks.speed.throughput import ONE, WAIT
from benchmarks.subjects import CPU, EVENTS_AT_ONCE, EVENTS_ONE_BY_ONE, P50, STATE

COUNTS = (1, 10, 100, 1_000, 10_000)
SIZES = (1_000, 10_000, 100_000, 1_000_000, 10_000_000)
PROBE = 2
WARM_UP = 200


def measure_events(bench: Bench) -> None:
    """Streams of small events: each awaited, and all ready at once."""
    _grow(bench, EVENTS_ONE_BY_ONE, COUNTS, lambda count: Request("/runs/stream", pour(count)))
    _grow(bench, EVENTS_AT_ONCE, COUNTS, lambda count: Request("/runs/stream", pour(count, burst=count)))


def measure_state(bench: Bench) -> None:
    """A state that comes with the request, passes both nodes, and leaves with the answer."""
    _grow(bench, STATE, SIZES, lambda size: Request("/runs/wait", {**SMALL, "input": {"foo": "x" * size}}))


def _grow(bench: Bench, what: str, places: Sequence[int], request: Callable[[int], Request]) -> None:
    with ExitStack() as stack:
        running = [stack.enter_context(start()) for start in ONE]
        for server in running:
            bench.amount(server, WAIT, 1, probe=WARM_UP)
        for at in places:
            bench.say(f"{what}: {at:,}")
            amounts = [bench.amount(server, request(at), 1, probe=PROBE) for server in running]
            for _ in range(bench.rounds):
                for server, amount in zip(running, amounts, strict=True):
                    volley, cpu = bench.turn(server, request(at), 1, amount)
                    bench.add(what, server.name, P50, volley.p50, at)
                    bench.add(what, server.name, CPU, cpu * 1e6, at)
