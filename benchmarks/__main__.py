"""`python -m benchmarks`: measure, make the document, or compare measurements. Figures are for people: none fails."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from benchmarks import comparing, machine
from benchmarks.bench import Bench
from benchmarks.cannon import cannon
from benchmarks.conditions import blocking, crowd, elsewhere, idle
from benchmarks.distributed import fan_out, processes
from benchmarks.distributed import stored as stored_elsewhere
from benchmarks.figures import Figures
from benchmarks.growth import finished, followers, one_run, queued, stored, workers
from benchmarks.peers import official
from benchmarks.servers import ROOT
from benchmarks.speed import first_event, layers, open_streams, start, throughput

CHARTS = ROOT / ".venv-charts" / "bin" / "python"
"""Has what draws the charts; nothing that is measured does."""
MEASURED = ROOT / "benchmarks" / "measured"
"""The figures that docs/performance.md is made from: one file for each group."""
Measure = Callable[[Bench], None]
GROUPS: dict[str, dict[str, Measure]] = {
    "speed": {
        "throughput": throughput.measure,
        "layers": layers.measure,
        "first_event": first_event.measure,
        "open_streams": open_streams.measure,
        "start": start.measure,
    },
    "growth": {
        "events": one_run.measure_events,
        "state": one_run.measure_state,
        "followers": followers.measure,
        "finished": finished.measure,
        "queued": queued.measure,
        "stored": stored.measure,
        "workers": workers.measure,
    },
    "conditions": {
        "idle": idle.measure,
        "crowd": crowd.measure,
        "blocking": blocking.measure,
        "elsewhere": elsewhere.measure,
    },
    "distributed": {
        "processes": processes.measure,
        "fan_out": fan_out.measure,
        "stored": stored_elsewhere.measure,
    },
    "peers": {"official": official.measure},
}
"""What can be measured."""
EFFORT = {"speed": (7, 1.0), "growth": (3, 1.0), "conditions": (1, 1.0), "distributed": (3, 2.0), "peers": (3, 5.0)}
"""Rounds, and seconds of a turn: the official server takes a second for one run."""


def main() -> None:
    """Do what the command line says."""
    given = _parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers end as well
    if given.command == "compare":
        print("\n".join(comparing.lines(given.files)))
    elif given.command == "document":
        _document(given.measured)
    else:
        _measure(given.command, given.parts, given.into, given.rounds, given.seconds)


def _document(measured: Path) -> None:
    if not CHARTS.exists():
        raise SystemExit("the charts need an environment of their own: make charts")
    subprocess.run([CHARTS, "-m", "benchmarks.report", "--measured", measured.resolve()], cwd=ROOT, check=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for group, parts in GROUPS.items():
        rounds, seconds = EFFORT[group]
        command = commands.add_parser(group, help=f"measure {', '.join(parts)}")
        command.add_argument("parts", nargs="*", metavar="PART", help="only these; printed, or renewed in FILE")
        where = f"where the figures are kept (benchmarks/measured/{group}.json)"
        command.add_argument("--into", type=Path, metavar="FILE", help=where)
        often = "how often each server has its turn (%(default)s)"
        command.add_argument("--rounds", type=_rounds, default=rounds, help=often)
        long = "how long a turn takes, about (%(default)s)"
        command.add_argument("--seconds", type=float, default=seconds, help=long)
    command = commands.add_parser("document", help="make docs/performance.md from the figures that are kept")
    command.add_argument("--measured", type=Path, default=MEASURED, metavar="FOLDER", help="where they are")
    command = commands.add_parser("compare", help="print the medians of several measurements, and whether they agree")
    command.add_argument("files", nargs="+", type=_figures, metavar="FILE")
    return parser


def _figures(file: str) -> Figures:
    try:
        return Figures.read(Path(file))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise argparse.ArgumentTypeError(f"{file}: no figures of a measurement: {error}") from None


def _rounds(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no positive number")
    return int(text)


def _measure(group: str, parts: list[str], into: Path | None, rounds: int, seconds: float) -> None:
    """Keep the figures after each part: what follows may fail. Those of other parts stay in the file."""
    if unknown := set(parts) - set(GROUPS[group]):
        raise SystemExit(f"{group} has no {', '.join(sorted(unknown))}; it has {', '.join(GROUPS[group])}")
    began = monotonic()
    into = into or (None if parts else MEASURED / f"{group}.json")
    kept = Figures.read(into).values if parts and into and into.exists() else {}
    with cannon() as started, tempfile.TemporaryDirectory(prefix="treadle-bench-") as folder:
        bench = Bench(started, Path(folder), rounds, seconds, Figures(machine.describe()))
        for part in parts or GROUPS[group]:
            GROUPS[group][part](bench)
            if into is not None:
                Figures(bench.figures.machine, kept | bench.figures.values).write(into)
    bench.say(f"{group}: {monotonic() - began:.0f} seconds\n")
    if into is None:
        for key, values in bench.figures.values.items():
            print(f"{' '.join(str(each) for each in key if each is not None):60} {values}")


if __name__ == "__main__":
    main()
