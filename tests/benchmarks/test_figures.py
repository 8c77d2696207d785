"""Figures, and the file that keeps them."""

from __future__ import annotations

import json
from pathlib import Path

from benchmarks.figures import Figures, Key
from benchmarks.spread import Spread

WAIT = Key("wait", "memory", "runs a second")
FIRST, SECOND = Key("events", "memory", "p50, ms", 10), Key("events", "memory", "p50, ms", 1000)


def test_a_file_keeps_all_of_them(tmp_path: Path) -> None:
    figures = Figures({"cores": "2"})
    for key, value in ((WAIT, 10.0), (WAIT, 12.0), (SECOND, 5.0), (FIRST, 1.0)):
        figures.add(key, value)
    figures.write(tmp_path / "new" / "figures.json")
    assert Figures.read(tmp_path / "new" / "figures.json") == figures
    assert json.loads((tmp_path / "new" / "figures.json").read_text())["machine"] == {"cores": "2"}


def test_four_digits_are_kept() -> None:
    figures = Figures()
    figures.add(WAIT, 1234.5678)
    assert figures.values == {WAIT: [1235.0]}


def test_a_curve_is_in_the_order_of_its_places() -> None:
    figures = Figures(values={SECOND: [4.0, 6.0], FIRST: [1.0], WAIT: [10.0]})
    assert list(figures.curve("events", "memory", "p50, ms").items()) == [
        (10, Spread(1.0, 1.0, 1.0)),
        (1000, Spread(4.0, 5.0, 6.0)),
    ]
    assert figures.curve("events", "SQLite", "p50, ms") == {}
    assert figures.spread(Key("wait", "SQLite", "runs a second")) is None
