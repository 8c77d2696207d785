"""The text of docs/performance.md: a template with the prose, and the figures that were kept."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks.figures import Figures, Key
from benchmarks.report import tables
from benchmarks.spread import Spread
from benchmarks.subjects import APART, FOLLOWERS, IDLE, PROCESSES_STORE, PROCESSES_WAIT, RATE

GROUPS = ("speed", "growth", "conditions", "distributed", "peers")


def read(folder: Path) -> dict[str, Figures]:
    """The figures of each group; empty ones for a group that was not measured."""
    files = {group: folder / f"{group}.json" for group in GROUPS}
    return {group: Figures.read(file) if file.exists() else Figures() for group, file in files.items()}


def text(measured: dict[str, Figures]) -> str:
    """The document, in Markdown."""
    folder = FileSystemLoader(Path(__file__).parent)
    environment = Environment(loader=folder, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters["figure"] = tables.number
    return environment.get_template("performance.md.j2").render(
        growth=measured["growth"],
        peers=measured["peers"],
        machine=tables.machine(measured["speed"]),
        goals=tables.goals(measured["speed"]),
        met=tables.met(measured["speed"]),
        absolute=tables.absolute(measured["speed"]),
        layers=tables.layers(measured["speed"]),
        two_floors=tables.two_floors(measured["speed"]),
        official=tables.official(measured["peers"]),
        curves=tables.curves(measured["growth"]),
        conditions_measured=bool(measured["conditions"].values),
        conditions=tables.conditions(measured["conditions"]),
        distributed=tables.distributed(measured["distributed"]),
        idle=measured["conditions"].spread(Key("one of two servers on a file", "SQLite", IDLE)),
        apart=measured["growth"].curve(FOLLOWERS, "memory", APART),
        # Both measure it; beside PostgreSQL's, the figures of the same day say more.
        processes=processes(measured["distributed"], "SQLite") or processes(measured["growth"], "SQLite"),
        database=processes(measured["distributed"], "PostgreSQL"),
    )


def processes(figures: Figures, store: str) -> dict[str, float] | None:
    """The paper model of several processes: what one carries, what the store takes, and where these meet."""
    runs = figures.curve(PROCESSES_WAIT, store, RATE)
    stored = figures.curve(PROCESSES_STORE, store, RATE)
    if not runs or not stored:
        return None
    first: Spread = runs[1]
    most = min(stored.values(), key=lambda spread: spread.median).median
    gain = runs[2].median / first.median if 2 in runs else 1.0
    return {"one": first.median, "store": most, "most": most / first.median, "gain": gain}
