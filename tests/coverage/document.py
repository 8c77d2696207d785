"""docs/coverage.md: the fields that are honoured or refused, operation by operation, with the tests that show it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from tests.coverage.marks import Mark
from tests.coverage.subjects import CREATES, NEVER, OPERATIONS, Cell, Operation, fields, statuses, verdict

MODE = "stream_mode="
LINKS = 2
"""Tests named for one cell, at most."""
_OPENING = """\
<!-- Written by `python -m tests.coverage` from the marks on the tests. Do not edit. -->
# What is served, and the test that shows it

Every field, value and status that the served document declares, and the fields that SDKs send beside them. A test says
by its mark `shows` what it shows, and `make test` fails if something here has no test. The numbers lead to the list of
tests at the end.

* **honoured**: does what the contract says.
* **refused**: answered with this status, and a `detail` that names the field.
* **no effect**: accepted, and there is nothing that it could change. `if_not_exists`, `multitask_strategy` and
  `strict_resume` are about a thread that others use too, which a stateless run does not have; `on_disconnect` is about
  a response that outlasts the request.
* **passed on**: the graph finds it in its config; the run's own thread has no checkpoint that it could start from.
* **never sent**: declared by the contract, and nothing here leads to it: a check of the memory store cannot fail.
"""
_CREATES = """
## Creating runs

The fields of the request, which for a batch are those of each item.

"""
_MODES = """
## Stream modes

Asked for when a run is created, or picked from its events when it is joined.

"""
_OTHERS = """
## The other operations

"""
_STATUSES = """
## Statuses

"""
_TESTS = """
## The tests

"""


class Row(NamedTuple):
    """A row: its heads, its field, and the cells under the columns; None where an operation lacks it."""

    heads: tuple[str, ...]
    field: str
    cells: Sequence[Cell | None]


def render(marks: Iterable[Mark]) -> str:
    """The whole document."""
    tables = Tables(marks)
    table = tables.table
    creates = [OPERATIONS[name] for name in CREATES]
    others = [each for each in OPERATIONS.values() if each not in creates]
    streams = creates + [each for each in others if any(field.startswith(MODE) for field in fields(each))]
    plain = {each.name: [field for field in fields(each) if not field.startswith(MODE)] for each in OPERATIONS.values()}
    of_creates = list(dict.fromkeys(field for each in creates for field in plain[each.name]))
    modes = list(dict.fromkeys(field for each in creates for field in fields(each) if field.startswith(MODE)))
    numbers = sorted({status for each in OPERATIONS.values() for status in statuses(each)})
    return "".join(
        [
            _OPENING,
            _CREATES,
            table(["field", *map(_label, creates)], [_row(field, creates) for field in of_creates]),
            _MODES,
            table(["mode", *map(_label, streams)], [_row(mode, streams) for mode in modes]),
            _OTHERS,
            table(
                ["operation", "field", ""],
                [Row((_label(each),), field, [(each.name, field)]) for each in others for field in plain[each.name]],
            ),
            _STATUSES,
            table(["operation", *numbers], [_status_row(each, numbers) for each in OPERATIONS.values()]),
            _TESTS,
            tables.tests(),
        ]
    )


def _label(operation: Operation) -> str:
    return f"`{operation.method} {operation.path}`"


def _row(field: str, operations: Sequence[Operation]) -> Row:
    return Row((), field, [(each.name, field) if field in fields(each) else None for each in operations])


def _status_row(operation: Operation, numbers: Sequence[str]) -> Row:
    declared = statuses(operation)
    return Row((_label(operation),), "", [(operation.name, each) if each in declared else None for each in numbers])


class Tables:
    """Writes tables whose cells name the verdict on a field, and the numbers of the tests that show it."""

    def __init__(self, marks: Iterable[Mark]) -> None:
        self._tests: dict[Cell, set[str]] = {}
        for mark in marks:
            for cell in mark.cells:
                self._tests.setdefault(cell, set()).add(mark.test)
        self._numbers: dict[str, int] = {}

    def table(self, heads: Sequence[str], rows: Iterable[Row]) -> str:
        """A Markdown table; values of one field with equal cells share a row."""
        shared: dict[tuple[tuple[str, ...], str, tuple[str, ...]], list[str]] = {}
        for row in rows:
            name, _, value = row.field.partition("=")
            shared.setdefault((row.heads, name, self._texts(row.cells)), []).append(value)
        lines = [[*heads], ["---"] * len(heads)]
        for (labels, name, texts), values in shared.items():
            lines.append([*labels, *_field(name, values), *texts])
        return "".join(f"| {' | '.join(line)} |\n" for line in lines)

    def _texts(self, cells: Sequence[Cell | None]) -> tuple[str, ...]:
        """The row's cells, each with a few tests: first those that show most of the row."""
        shows = Counter(test for cell in cells if cell for test in self._tests.get(cell, ()))
        texts = []
        for cell in cells:
            if cell is None:
                texts.append("")
                continue
            tests = sorted(self._tests.get(cell, ()), key=lambda test: (-shows[test], test))[:LINKS]
            found = [self._link(test) for test in tests]
            missing = [] if found or verdict(cell) == NEVER else ["**no test**"]
            texts.append(" ".join([verdict(cell), *found, *missing]))
        return tuple(texts)

    def _link(self, test: str) -> str:
        number = self._numbers.setdefault(test, len(self._numbers) + 1)
        return f"[{number}](#t{number})"

    def tests(self) -> str:
        """The list of the tests that tables refer to, each with the anchor that its number leads to."""
        return "".join(
            f'{number}. <a id="t{number}"></a>[{test}](../{test.partition("::")[0]})\n'
            for test, number in self._numbers.items()
        )


def _field(name: str, values: Sequence[str]) -> list[str]:
    """The first column: empty in a table without fields, else the field and those of its values that share the row."""
    named = ", ".join(f"`{value}`" for value in values if value)
    return [f"`{name}`" + (f": {named}" if named else "")] if name else []
