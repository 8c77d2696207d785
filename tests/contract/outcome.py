"""What a run of the fuzzer has shown: a few lines for people, Markdown and JUnit for whatever collects reports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from tests.contract import gate
from tests.contract.report import Report

# Without them the fuzzer has not worked, whatever else was found.
_ALWAYS = ("server", "schemathesis")


@dataclass(frozen=True, slots=True)
class Outcome:
    """A run of the fuzzer, judged."""

    report: Report
    verdicts: Sequence[gate.Verdict]
    seed: int
    seconds: float

    @property
    def failed(self) -> list[gate.Verdict]:
        """The demands that are not met."""
        return [verdict for verdict in self.verdicts if not verdict.passed]

    @property
    def told(self) -> list[gate.Verdict]:
        """The unmet demands that are worth telling: those that are no consequence of a fault."""
        return [verdict for verdict in self.failed if not len(self.report.faults) or verdict.name in _ALWAYS]

    @property
    def summary(self) -> str:
        """One line that sums it up."""
        cases = sum(tally.cases for tally in self.report.tallies.values())
        links = sum(self.report.links.values())
        wrong = f"{len(self.report.faults.causes)} faults, {len(self.failed)} of {len(self.verdicts)} demands not met"
        return (
            f"contract: {'FAILED: ' + wrong if self.failed else 'passed'}: {cases} cases, {links} links followed, "
            f"{sum(self.report.events.values())} events, in {self.seconds:.0f}s (seed {self.seed})"
        )


def lines(outcome: Outcome) -> Iterator[str]:
    """The figures, if all is well; otherwise what is wrong, a line for each fault and one for the request."""
    if not outcome.failed:
        yield from gate.table(outcome.report)
    yield from _wrong(outcome)
    yield outcome.summary


def write_reports(outcome: Outcome, folder: Path) -> None:
    """Write `contract.md` and `junit.xml`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "contract.md").write_text("\n".join(markdown(outcome)) + "\n", encoding="utf-8")
    junit(outcome).write(folder / "junit.xml", encoding="utf-8", xml_declaration=True)


def markdown(outcome: Outcome) -> Iterator[str]:
    """The report for people."""
    yield from ("# Contract test", "", outcome.summary, "")
    if outcome.failed:
        yield from ("## What is wrong", "", "```text", *_wrong(outcome), "```", "")
    yield from (
        "## Cases",
        "",
        "| operation | cases | valid | valid that reached 2xx | statuses |",
        "|---|---|---|---|---|",
    )
    for label, tally in outcome.report.tallies.items():
        statuses = ", ".join(f"{status}: {count}" for status, count in sorted(tally.statuses.items()))
        share = f"{tally.share:.1%}" if tally.positive else "-"
        yield f"| `{label}` | {tally.cases} | {tally.positive} | {share} | {statuses} |"


def junit(outcome: Outcome) -> ElementTree.ElementTree[ElementTree.Element]:
    """The report for CI systems: a test case for each demand, and one for each fault.

    A demand that may be unmet because of a fault is skipped.
    """
    causes = outcome.report.faults.causes
    counted = {
        "tests": len(outcome.verdicts) + len(causes),
        "failures": len(outcome.told) + len(causes),
        "skipped": len(outcome.failed) - len(outcome.told),
    }
    suite = ElementTree.Element(
        "testsuite",
        {"name": f"contract, seed {outcome.seed}", "time": f"{outcome.seconds:.3f}"}
        | {name: str(count) for name, count in counted.items()},
    )
    for verdict in outcome.verdicts:
        case = ElementTree.SubElement(suite, "testcase", {"classname": "demand", "name": verdict.name})
        if not verdict.passed:
            kind = "failure" if verdict in outcome.told else "skipped"
            ElementTree.SubElement(case, kind, {"message": "; ".join(verdict.reasons)})
    for fault, others in causes:
        case = ElementTree.SubElement(suite, "testcase", {"classname": fault.operation, "name": fault.check})
        ElementTree.SubElement(case, "failure", {"message": _printable(fault.reason)}).text = _printable(
            fault.told(others)
        )
    return ElementTree.ElementTree(suite)


def _wrong(outcome: Outcome) -> Iterator[str]:
    yield from (f"FAILED {fault.told(others)}" for fault, others in outcome.report.faults.causes)
    yield from (f"FAILED {verdict.name}: {reason}" for verdict in outcome.told for reason in verdict.reasons)


def _printable(text: str) -> str:
    """The text without what XML cannot hold; fuzzers send all of it."""
    return "".join(char if char.isprintable() or char in "\n\t" else "\ufffd" for char in text)
