"""What an examination has shown, as a table, Markdown, JUnit XML or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from xml.etree import ElementTree

from rich import box
from rich.console import Console
from rich.table import Column, Table

from treadle.conformance.contract import DOCUMENT
from treadle.conformance.operations import ALL, CREATES
from treadle.conformance.results import Examined, Outcome, Result

COLOURS = {Outcome.passed: "green", Outcome.failed: "bold red", Outcome.not_offered: "yellow", Outcome.not_tried: "dim"}
MOST_NAMED = 3
NONE = "–"
"""In a cell of a table: the check does not apply to the operation."""


def as_json(examined: Examined) -> str:
    """One JSON object."""
    return json.dumps(examined.document(), indent=2, ensure_ascii=False) + "\n"


def as_junit(examined: Examined) -> str:
    """A test suite for each operation, and a test case for each check."""
    root = ElementTree.Element("testsuites", name="treadle conform")
    for operation, results in _by_operation(examined.results):
        failed = sum(result.outcome is Outcome.failed for result in results)
        left = sum(result.outcome in (Outcome.not_offered, Outcome.not_tried) for result in results)
        counts = {"tests": len(results), "failures": failed, "skipped": left}
        attributes = {name: str(count) for name, count in counts.items()}
        suite = ElementTree.SubElement(root, "testsuite", {"name": operation, **attributes})
        for result in results:
            case = {"name": result.subject, "classname": operation, "time": f"{result.seconds:.3f}"}
            element = ElementTree.SubElement(suite, "testcase", case)
            if result.outcome is Outcome.failed:
                failure = ElementTree.SubElement(element, "failure", message=result.findings[0].problem)
                failure.text = "\n\n".join(
                    f"{finding.problem}\n{DOCUMENT}:{finding.line} {finding.pointer}\n{finding.curl}"
                    for finding in result.findings
                )
            elif result.outcome is not Outcome.passed:
                ElementTree.SubElement(element, "skipped", message=f"{result.outcome.value}: {result.reason}")
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def as_markdown(examined: Examined) -> str:
    """Tables of all checks, and the findings. The text has neither times nor ids: equal servers give equal texts."""
    results = examined.results
    parts = [_summary(examined), "", *_creates_in_markdown(results), "", *_others_in_markdown(results)]
    parts += ["", *_statuses_in_markdown(examined)]
    left = [result for result in results if result.reason]
    if left:
        parts += ["", "## Not offered, or not tried", ""]
        parts += [f"* `{each.operation}`, {each.subject}: {each.outcome.value}: {each.reason}" for each in left]
    if not examined.passed:
        parts += ["", "## Findings", ""]
    for finding, subjects in examined.faults():
        parts += [f"* `{finding.operation}` ({_some(subjects)}): {finding.problem}"]
        parts += [f"  `{DOCUMENT}:{finding.line}` `{finding.pointer}`", "", f"      {finding.curl}", ""]
    return "\n".join(parts).rstrip() + "\n"


def show(examined: Examined, console: Console) -> None:
    """Print the tables and the findings."""
    if any(result.operation in CREATES for result in examined.results):
        console.print(_creates_table(examined.results))
    others = [each for each in _by_operation(examined.results) if each[0] not in CREATES]
    if others:
        console.print(_others_table(others))
    for result in examined.results:
        if result.outcome is Outcome.not_offered:
            _line(console, f"not offered: {result.operation}, {result.subject}: {result.reason}", "yellow")
    for number, (finding, subjects) in enumerate(examined.faults(), 1):
        _line(console, f"\n{number}. {finding.operation}: {finding.problem}", "bold red")
        _line(console, f"   seen in      {_some(subjects)}")
        _line(console, f"   contract     {DOCUMENT}:{finding.line}  {finding.pointer}")
        _line(console, f"   repeat with  {finding.curl}")
    _line(console, "\n" + ", ".join(f"{count} {name}" for name, count in examined.counts.items() if count))


def _some(subjects: Iterable[str]) -> str:
    """The first checks that met a finding, and the number of the others."""
    names = list(dict.fromkeys(subjects))
    others = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return ", ".join(names[:MOST_NAMED]) + others


def _line(console: Console, text: str, style: str | None = None) -> None:
    """A line as it is: a command has to stay one line, to be copied."""
    console.print(text, style=style, markup=False, highlight=False, soft_wrap=True)


def _summary(examined: Examined) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in examined.counts.items() if count)
    graphs = "with the probe graphs" if examined.level == 2 else "without the probe graphs"
    return f"Server version {examined.server}, {graphs}: {counts}."


def _by_operation(results: Iterable[Result]) -> list[tuple[str, list[Result]]]:
    found: dict[str, list[Result]] = {}
    for result in results:
        found.setdefault(result.operation, []).append(result)
    return [(operation, found[operation]) for operation in ALL if operation in found]


def _matrix(results: Sequence[Result]) -> tuple[list[str], list[tuple[str, list[Outcome | None]]]]:
    """The operations that create runs, and for each subject its outcome with each of them."""
    cells = {(each.operation, each.subject): each.outcome for each in results if each.operation in CREATES}
    columns = [operation for operation in CREATES if any(operation == column for column, _ in cells)]
    subjects: list[str] = []
    for column in columns:
        place = 0
        for subject in [subject for operation, subject in cells if operation == column]:
            if subject not in subjects:  # a check that earlier operations lack stands behind its neighbour
                subjects.insert(place, subject)
            place = subjects.index(subject) + 1
    return columns, [(subject, [cells.get((column, subject)) for column in columns]) for subject in subjects]


def _creates_in_markdown(results: Sequence[Result]) -> list[str]:
    columns, rows = _matrix(results)
    if not columns:
        return []
    head = ["| check | " + " | ".join(f"`{column}`" for column in columns) + " |", "|---" * (len(columns) + 1) + "|"]
    return [*head, *(f"| {name} | " + " | ".join(each or NONE for each in outcomes) + " |" for name, outcomes in rows)]


def _others_in_markdown(results: Sequence[Result]) -> list[str]:
    others = [each for each in _by_operation(results) if each[0] not in CREATES]
    if not others:
        return []
    rows = []
    for operation, found in others:
        for outcome in Outcome:
            subjects = [result.subject for result in found if result.outcome is outcome]
            if subjects:
                rows.append(f"| `{operation}` | {outcome.value} | {', '.join(subjects)} |")
    return ["| operation | outcome | checks |", "|---|---|---|", *rows]


def _statuses_in_markdown(examined: Examined) -> list[str]:
    rows = [
        f"| `{operation}` | {', '.join(str(status) for status in sorted(examined.statuses[operation]))} |"
        for operation in ALL
        if operation in examined.statuses
    ]
    return ["| operation | statuses seen |", "|---|---|", *rows] if rows else []


def _creates_table(results: Sequence[Result]) -> Table:
    columns, rows = _matrix(results)
    names = (Column(column.replace(" ", "\n")) for column in columns)
    table = Table(Column("check", no_wrap=True), *names, box=box.SIMPLE_HEAD)
    for name, outcomes in rows:
        table.add_row(name, *(_coloured(outcome) for outcome in outcomes))
    return table


def _others_table(others: Iterable[tuple[str, list[Result]]]) -> Table:
    table = Table("operation", "checks", "outcome", box=box.SIMPLE_HEAD)
    for operation, results in others:
        for outcome in Outcome:
            subjects = [result.subject for result in results if result.outcome is outcome]
            if subjects:
                table.add_row(operation, ", ".join(subjects), _coloured(outcome))
    return table


def _coloured(outcome: Outcome | None) -> str:
    return f"[{COLOURS[outcome]}]{outcome.value}[/]" if outcome is not None else f"[dim]{NONE}[/]"
