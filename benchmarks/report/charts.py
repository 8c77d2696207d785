"""The charts: how near to the floor, and how cost grows."""

from __future__ import annotations

from pathlib import Path

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from benchmarks.figures import Figures, Key
from benchmarks.goals import find
from benchmarks.report.panels import PANELS, Panel
from benchmarks.report.svg import FAINT, INK, STYLE, save
from benchmarks.spread import Spread, ratio
from benchmarks.subjects import CPU, LOADS, RATE

COLOURS = {"floor": "#888888", "memory": "#2f81f7", "SQLite": "#e8710a"}
MARKERS = {"floor": "s", "memory": "o", "SQLite": "D"}
SERIES = ("#2f81f7", "#e8710a", "#3fa34d")
SHAPES = ("o", "D", "^")
OFFSETS = {"memory": -0.16, "SQLite": 0.16}


def draw_floor(figures: Figures, file: Path) -> None:
    """For each load, how far both stores are from the floor: throughput, and CPU time per run."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 4.6), layout="constrained")
        left, right = figure.subplots(1, 2, sharey=True)
        _beside_the_floor(left, figures, RATE, "throughput, as a multiple of the floor's →")
        _beside_the_floor(right, figures, CPU, "← CPU time per run, as a multiple of the floor's")
        left.set_yticks(range(len(LOADS)), LOADS)
        left.invert_yaxis()
        handles, labels = left.get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=4)
        save(figure, file, "How near Treadle is to a bare application around the same graph")


def _beside_the_floor(axes: Axes, figures: Figures, quantity: str, words: str) -> None:
    axes.axvline(1, color=COLOURS["floor"], linewidth=2, label="the floor", zorder=1)
    for server, offset in OFFSETS.items():
        found = [(place + offset, _ratio(figures, load, server, quantity)) for place, load in enumerate(LOADS)]
        points = [(place, spread) for place, spread in found if spread]
        axes.errorbar(
            [spread.median for _, spread in points],
            [place for place, _ in points],
            xerr=[[s.median - s.low for _, s in points], [s.high - s.median for _, s in points]],
            fmt=MARKERS[server],
            color=COLOURS[server],
            capsize=3,
            label=f"Treadle, {server}",
        )
    goals = [
        (goal.bound, place + offset)
        for server, offset in OFFSETS.items()
        for place, load in enumerate(LOADS)
        if (goal := find(load, server, quantity))
    ]
    axes.scatter(*zip(*goals, strict=True), marker="|", s=180, color=INK, label="goal", zorder=3)
    axes.set_xlabel(words)
    axes.set_xlim(left=0)
    axes.grid(axis="x", color=FAINT)


def _ratio(figures: Figures, load: str, server: str, quantity: str) -> Spread | None:
    own, floor = Key(load, server, quantity), Key(load, "floor", quantity)
    values = figures.values
    return ratio(values[own], values[floor]) if own in values and floor in values else None


def draw_growth(figures: Figures, file: Path) -> None:
    """A small panel for each way to grow."""
    with rc_context(STYLE):
        figure = Figure(figsize=(9, 11), layout="constrained")
        for axes, panel in zip(figure.subplots(4, 2).flat, PANELS, strict=True):
            _panel(axes, panel, figures)
        save(figure, file, "How cost grows")


def _panel(axes: Axes, panel: Panel, figures: Figures) -> None:
    places: set[int] = set()
    for number, curve in enumerate(panel.curves):
        points = curve.points(figures)
        places |= set(points)
        floor = curve.label == "floor"
        colour = COLOURS.get(curve.label, SERIES[number])
        shape = MARKERS.get(curve.label, SHAPES[number])
        axes.plot(
            list(points),
            list(points.values()),
            marker=shape,
            color=colour,
            label=curve.label,
            linestyle="--" if floor else "-",
        )
    positive = [place for place in places if place]
    if max(positive, default=1) > 10:
        axes.set_xscale("symlog", linthresh=min(positive))
        axes.set_xticks(sorted(places))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_yscale("log")
    axes.xaxis.set_major_formatter(FuncFormatter(_short))
    axes.yaxis.set_major_formatter(FuncFormatter(_short))
    axes.minorticks_off()
    axes.set_title(panel.title)
    axes.set_xlabel(panel.across)
    axes.set_ylabel(panel.unit)
    axes.grid(color=FAINT)
    axes.legend()


def _short(value: float, _: object) -> str:
    """1000 as 1k."""
    for unit, letter in ((1_000_000, "M"), (1_000, "k")):
        if value >= unit:
            return f"{value / unit:g}{letter}"
    return f"{value:g}"
