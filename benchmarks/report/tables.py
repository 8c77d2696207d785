"""The tables of the document, in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from benchmarks.figures import Figures, Key
from benchmarks.goals import GOALS, OFFICIAL, Goal
from benchmarks.report.panels import PANELS, Curve, Panel
from benchmarks.spread import Spread, ratio
from benchmarks.subjects import (
    CPU,
    FIRST_EVENT,
    LAYERS,
    LOADS,
    MAX,
    MEMORY_EACH,
    ONE_BY_ONE,
    OPEN_STREAMS,
    P50,
    P99,
    RATE,
    SERVER,
    STREAM_64,
    TWO_FLOORS,
    WAIT_1,
    WAIT_64,
)

SERVERS = ("floor", "memory", "SQLite")
GOAL = ("measure", "store", "goal", "measured", "spread", "met")
NOTHING = "–"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], *, words: int = 1) -> str:
    """Lines of Markdown: the first `words` columns are text, and the others figures."""
    lines = [head, [*["---"] * words, *["--:"] * (len(head) - words)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def number(value: float) -> str:
    """Three significant digits."""
    rounded = float(f"{value:.3g}")
    return f"{rounded:,.0f}" if abs(rounded) >= 100 else f"{rounded:.3g}"


def machine(figures: Figures) -> str:
    """One sentence part for each fact."""
    return ", ".join(f"{name} {value}" for name, value in figures.machine.items())


def goals(figures: Figures) -> str:
    """Goal beside measured, for each store."""
    rows = [_row(goal, spread) for goal in GOALS if (spread := goal.measured(figures))]
    return table(GOAL, rows, words=2)


def met(figures: Figures) -> tuple[int, int]:
    """The number of goals that are met, and of all that were measured."""
    found = [(goal, spread) for goal in GOALS if (spread := goal.measured(figures))]
    return sum(goal.is_met(spread) for goal, spread in found), len(found)


def _row(goal: Goal, spread: Spread) -> list[str]:
    measured, between = goal.write(spread.median), f"{goal.write(spread.low)} to {goal.write(spread.high)}"
    return [goal.what, goal.store, goal.text(), measured, between, "yes" if goal.is_met(spread) else "no"]


def absolute(figures: Figures) -> str:
    """What the ratios are made of: medians, for the floor and both stores."""
    subjects = [(f"{load}: {quantity}", load, quantity) for load in LOADS for quantity in (RATE, CPU)]
    subjects += [(f"{WAIT_1}: {quantity}", WAIT_1, quantity) for quantity in (P50, P99)]
    subjects += [(f"{FIRST_EVENT}, 1 connection: {P50}", FIRST_EVENT, P50)]
    subjects += [(f"{OPEN_STREAMS}: {MEMORY_EACH}", OPEN_STREAMS, MEMORY_EACH)]
    rows = [
        [words, *(_median(figures, what, server, quantity) for server in SERVERS)] for words, what, quantity in subjects
    ]
    return table(("", *SERVERS), rows)


def layers(figures: Figures) -> str:
    """CPU time per run in each layer and thread; empty if it was not measured."""
    rows = [
        [f"Treadle, {name}" if name in SERVERS[1:] else name, thread, _median(figures, thread, name, CPU), share]
        for name, threads in LAYERS.items()
        for thread in threads
        if (share := _share(figures, Key(thread, name, CPU)))
    ]
    return table(("", "", CPU, "of the floor's"), rows, words=2) if rows else ""


def _share(figures: Figures, key: Key) -> str:
    values, floor = figures.values, Key(SERVER, "floor", CPU)
    return f"{ratio(values[key], values[floor]).median:.0%}" if key in values and floor in values else ""


def two_floors(figures: Figures) -> list[str]:
    """What two processes of the floor carry, over one of them: a figure for each load. Empty if it was not measured."""
    keys = [(Key(load, TWO_FLOORS, RATE), Key(load, "floor", RATE)) for load in (WAIT_64, STREAM_64)]
    found = [(figures.values[two], figures.values[one]) for two, one in keys if two in figures.values]
    return [number(ratio(two, one).median) for two, one in found]


def official(figures: Figures) -> str:
    """Treadle beside the official server; empty if it was not measured."""
    servers = ("memory", "SQLite", "official")
    subjects = [(load, quantity) for load in (WAIT_64, STREAM_64, ONE_BY_ONE) for quantity in (RATE, CPU)]
    rows = [
        [f"{what}: {quantity}", *(_median(figures, what, server, quantity) for server in servers)]
        for what, quantity in [*subjects, (WAIT_1, P50)]
        if Key(what, "official", quantity) in figures.values
    ]
    if not rows:
        return ""
    ratios = [_row(goal, spread) for goal in OFFICIAL if (spread := goal.measured(figures))]
    return table(("", *servers), rows) + "\n\n" + table(GOAL, ratios, words=2)


def curves(figures: Figures) -> str:
    """The ends of each curve."""
    found = [(panel, curve, curve.points(figures)) for panel in PANELS for curve in panel.curves]
    rows = [_ends(panel, curve, points) for panel, curve, points in found if points]
    return table(("", "", "", "from", "to", "value there", "and there"), rows, words=3)


def _ends(panel: Panel, curve: Curve, points: dict[int, float]) -> list[str]:
    first, last = min(points), max(points)
    words = [f"{panel.title}: {panel.unit}", curve.label, panel.across]
    return [*words, f"{first:,}", f"{last:,}", number(points[first]), number(points[last])]


def conditions(figures: Figures) -> str:
    """Medians, 99th percentiles and maxima."""
    rows = [
        [key.what, key.server, *(_median(figures, key.what, key.server, each) for each in (P50, P99, MAX))]
        for key in figures.values
        if key.quantity == P50
    ]
    return table(("", "store", P50, P99, MAX), rows, words=2)


def distributed(figures: Figures) -> str:
    """Medians for both stores that processes share; empty if they were not measured."""
    places = dict.fromkeys(
        (key.what, key.at, key.quantity) for key in figures.values if key.quantity in (RATE, P50, P99)
    )
    rows = [
        [
            what,
            f"{at:,}",
            quantity,
            *(_median(figures, what, store, quantity, at) for store in ("SQLite", "PostgreSQL")),
        ]
        for what, at, quantity in places
        if at is not None
    ]
    return table(("", "at", "", "SQLite", "PostgreSQL"), rows) if rows else ""


def _median(figures: Figures, what: str, server: str, quantity: str, at: int | None = None) -> str:
    spread = figures.spread(Key(what, server, quantity, at))
    return NOTHING if spread is None else number(spread.median)
