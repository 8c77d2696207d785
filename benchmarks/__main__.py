"""`python -m benchmarks [NAME …]`: measure, and print what was measured. Figures are for people: nothing here fails."""

from __future__ import annotations

import argparse
import asyncio
import tempfile
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from benchmarks import blocking, crowd, latencies, quiet, start, sweep, throughput

BENCHMARKS: dict[str, Callable[[Path], Coroutine[Any, Any, list[str]]]] = {
    "throughput": throughput.measure,
    "quiet": quiet.measure,
    "crowd": crowd.measure,
    "blocking": blocking.measure,
    "latencies": latencies.measure,
    "start": start.measure,
    "sweep": sweep.measure,
}
"""What can be measured, given an empty folder: the lines to print."""


def main() -> None:
    """Measure what is named, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS))
    names = parser.parse_args().names or list(BENCHMARKS)
    if unknown := set(names) - set(BENCHMARKS):
        parser.error(f"no benchmark is called {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    for name in names:
        print(f"\n{name}", flush=True)
        with tempfile.TemporaryDirectory(prefix="treadle-bench-") as folder:
            for line in asyncio.run(BENCHMARKS[name](Path(folder))):
                print(f"  {line}", flush=True)


if __name__ == "__main__":
    main()
