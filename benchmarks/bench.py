"""What every measurement is given: the load generator, how long it may take, and where its figures go."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.cannon import Cannon, Request, Volley
from benchmarks.figures import Figures, Key
from benchmarks.servers import Server
from benchmarks.spread import percentile
from benchmarks.subjects import MAX, P50, P99


@dataclass
class Bench:
    """One call of `python -m benchmarks`."""

    cannon: Cannon
    folder: Path
    """Empty at the start, removed at the end."""
    rounds: int
    """How often each server has its turn."""
    seconds: float
    """How long a turn takes, about."""
    figures: Figures = field(default_factory=Figures)

    def add(self, what: str, server: str, quantity: str, value: float, at: int | None = None) -> None:
        """Keep the value of one round."""
        self.figures.add(Key(what, server, quantity, at), value)

    def durations(self, what: str, server: str, seconds: Iterable[float], at: int | None = None) -> None:
        """Keep median, 99th percentile and maximum of some durations."""
        found = list(seconds)
        for quantity, share in ((P50, 0.5), (P99, 0.99), (MAX, 1.0)):
            self.add(what, server, quantity, percentile(found, share) * 1000, at)

    def say(self, text: str) -> None:
        """Show on standard error what is being done."""
        if sys.stderr.isatty():
            print(f"\r\033[K  {text}", end="", file=sys.stderr, flush=True)
        else:
            print(f"  {text}", file=sys.stderr, flush=True)

    def turn(self, server: Server, request: Request, connections: int, amount: int) -> tuple[Volley, float]:
        """The answers to so many requests, and the seconds of CPU time for each of them.

        The number of requests is fixed, and not the time: no run is under way when the CPU time is read.
        """
        before = server.cpu_time()
        volley = self.cannon.fire(server.url, request, connections=connections, amount=amount)
        return volley, (server.cpu_time() - before) / volley.count

    def amount(self, server: Server, request: Request, connections: int, *, probe: int = 30) -> int:
        """How many requests fit in a turn; some of them are sent to see it, which warms the server up as well."""
        most = max(probe, 3 * connections)
        volley = self.cannon.fire(server.url, request, connections=connections, amount=most)
        return max(connections, round(volley.rate * self.seconds))
