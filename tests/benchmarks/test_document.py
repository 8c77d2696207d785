"""docs/performance.md can be made from figures alone, whatever of them there is."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from benchmarks.figures import Figures, Key
from benchmarks.goals import GOALS
from benchmarks.report import document, tables
from benchmarks.report.panels import PANELS
from benchmarks.subjects import CLAIM, P50, P99, PROCESSES_STORE, PROCESSES_WAIT, RATE, WAIT_1, WAIT_64
from tests.benchmarks.measured import FAST, SLOW, everything, waits


def curves() -> Figures:
    """Each curve at one place and at a thousand."""
    found = [curve for panel in PANELS for curve in panel.curves]
    return Figures(
        values={Key(each.what, each.server, each.quantity, at): [float(at)] for each in found for at in (1, 1000)}
    )


def test_without_figures_it_says_how_to_measure(tmp_path: Path) -> None:
    text = document.text(document.read(tmp_path))
    assert "Nothing is measured yet: `make bench`." in text
    assert text.count("Not measured yet: `make bench-growth`.") == 1
    assert "is not measured here" in text


def test_a_row_has_goal_median_spread_and_verdict() -> None:
    assert tables.goals(waits(SLOW)).splitlines() == [
        "| measure | store | goal | measured | spread | met |",
        "| --- | --- | --: | --: | --: | --: |",
        "| throughput, wait, 16 connections | memory | at least 0.90 | 1.00 | 0.80 to 1.20 | yes |",
    ]


def test_goals_that_are_met_are_counted(tmp_path: Path) -> None:
    assert tables.met(waits([50.0, 50.0, 50.0])) == (0, 1)
    everything(1.0).write(tmp_path / "speed.json")
    met = sum(goal.is_met(spread) for goal in GOALS if (spread := goal.measured(everything(1.0))))
    text = document.text(document.read(tmp_path))
    assert f"{met} of {len(GOALS)} goals are met." in text
    assert "cores 2" in text


def test_stores_that_processes_share_stand_side_by_side(tmp_path: Path) -> None:
    values = {Key(PROCESSES_WAIT, store, RATE, 2): [rate] for store, rate in (("SQLite", 700.0), ("PostgreSQL", 600.0))}
    Figures({}, {**values, Key(CLAIM, "PostgreSQL", P99, 1_000_000): [2.0]}).write(tmp_path / "distributed.json")
    lines = document.text(document.read(tmp_path)).splitlines()
    assert "| processes, waits | 2 | runs a second | 700 | 600 |" in lines
    assert "| queued runs, a claim | 1,000,000 | p99, ms | – | 2 |" in lines


def test_the_official_server_stands_beside_ours(tmp_path: Path) -> None:
    servers = {"SQLite": 500.0, "official": 50.0}
    values = {Key(WAIT_64, server, RATE): [value] for server, value in servers.items()}
    values |= {Key(WAIT_1, "SQLite", P50): [2.0], Key(WAIT_1, "official", P50): [1000.0]}
    Figures({"langgraph-api": "0.16.7"}, values).write(tmp_path / "peers.json")
    text = document.text(document.read(tmp_path))
    assert "(langgraph-api 0.16.7)" in text
    assert "| wait, 64 connections: runs a second | – | 500 | 50 |" in text
    assert "| its idle wait over ours | SQLite | at least 300 | 500 | 500 to 500 | yes |" in text


def test_the_paper_model_is_made_of_what_was_measured() -> None:
    values = {
        Key(PROCESSES_WAIT, "SQLite", RATE, 1): [500.0],
        Key(PROCESSES_WAIT, "SQLite", RATE, 2): [900.0],
        Key(PROCESSES_STORE, "SQLite", RATE, 1): [4500.0],
        Key(PROCESSES_STORE, "SQLite", RATE, 2): [4000.0],
    }
    assert document.processes(Figures(values=values), "SQLite") == {
        "one": 500.0,
        "store": 4000.0,
        "most": 8.0,
        "gain": 1.8,
    }


@pytest.mark.parametrize(
    ("value", "written"), [(0.12345, "0.123"), (1.0, "1"), (12.34, "12.3"), (99.96, "100"), (123_456.0, "123,000")]
)
def test_figures_have_three_digits(value: float, written: str) -> None:
    assert tables.number(value) == written


def test_charts_are_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="make bench installs it in an environment of its own")
    from benchmarks.report import charts

    for name in ("one", "other"):
        charts.draw_floor(everything(1.0), tmp_path / f"{name}.svg")
        charts.draw_growth(curves(), tmp_path / f"{name}-growth.svg")
    for chart in ("", "-growth"):
        content = (tmp_path / f"one{chart}.svg").read_bytes()
        assert content == (tmp_path / f"other{chart}.svg").read_bytes()
        assert ET.fromstring(content).tag == "{http://www.w3.org/2000/svg}svg"


def test_the_medians_behind_the_ratios() -> None:
    row = tables.absolute(waits(FAST)).splitlines()[4]
    assert row == "| wait, 16 connections: runs a second | 100 | 100 | – |"
