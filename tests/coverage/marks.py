"""Reads the marks on the tests: `@pytest.mark.shows("create_run wait_run", "metadata 422")`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.coverage.subjects import NEVER, OPERATIONS, VERDICTS, Cell, cells, product, verdict

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, order=True)
class Mark:
    """One `shows` of one test."""

    test: str
    """As pytest takes it: `tests/web/test_wait_run.py::test_name`, without the parameters."""
    operations: str
    fields: str

    @property
    def cells(self) -> list[Cell]:
        return product(self.operations, self.fields)


class _Collector:
    """A pytest plugin that keeps the marks of the collected tests."""

    def __init__(self) -> None:
        self.marks: set[Mark] = set()
        self.failures: list[str] = []

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.failures.append(f"{report.nodeid}: {report.longreprtext}")

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        for item in session.items:
            test = item.nodeid.partition("[")[0]
            for mark in item.iter_markers("shows"):
                if [type(each) for each in mark.args] == [str, str]:
                    self.marks.add(Mark(test, *mark.args))
                else:
                    self.failures.append(f"{test}: shows takes the names of operations and those of fields")


def collect() -> list[Mark]:
    """The marks of all tests. Raises ValueError if the tests cannot be collected."""
    collector = _Collector()
    # Without the project's own options: some of them belong to the terminal's report.
    options = "--collect-only --strict-markers --import-mode=importlib --assert=plain -o addopts="
    plugins = "-p no:terminal -p no:cacheprovider"
    status = pytest.main([*options.split(), *plugins.split(), str(ROOT / "tests")], [collector])
    if status != pytest.ExitCode.OK or collector.failures:
        raise ValueError("\n".join(["the tests cannot be collected", *dict.fromkeys(collector.failures)]))
    return sorted(collector.marks)


def problems(marks: Iterable[Mark]) -> list[str]:
    """One line for each mark that names no known cell, and for each cell that no test shows."""
    known = set(cells())
    shown = {cell for mark in marks for cell in mark.cells}
    lines = []
    for mark in marks:
        for operation, field in mark.cells:
            if operation not in OPERATIONS:
                lines.append(f"{mark.test}: no operation is called {operation!r}")
            elif (operation, field) not in known:
                values = [name for each, name in known if each == operation and name.startswith(f"{field}=")]
                hint = f", but {', '.join(sorted(values))}" if values else ""
                lines.append(f"{mark.test}: {operation} has no {field!r}{hint}")
            elif verdict((operation, field)) == NEVER:
                lines.append(f"{mark.test}: shows {operation} {field}, which is listed as {NEVER}")
    for cell in cells():
        if cell not in shown and verdict(cell) != NEVER:
            lines.append(f"no test shows {' '.join(cell)}")
    lines += [
        f"tests/coverage/subjects.py: {' '.join(cell)} is not there any more"
        for cell in sorted(VERDICTS.keys() - known)
    ]
    return list(dict.fromkeys(lines))
