"""What is printed and written of a run of the fuzzer: few lines if it is green, one for each cause if it is red."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from tests.contract.gate import Demands, Verdict, verdicts
from tests.contract.outcome import Outcome, lines, write_reports
from tests.contract.report import Report
from tests.contract.test_gate import GOOD, OK, WAIT, case, report


def outcome(made: Report, *more: Verdict) -> Outcome:
    return Outcome(made, [*verdicts(made, Demands(creates=[WAIT], links=[(WAIT, "join")], facts=())), *more], 7, 1.5)


def followed() -> Report:
    """A report that meets all demands."""
    made = report(*GOOD)
    made.links[WAIT, "join"] = 1
    return made


def test_a_green_run_has_a_line_for_each_operation_and_one_that_sums_it_up() -> None:
    told = list(lines(outcome(followed())))
    assert [line.split("  ")[0] for line in told[1:3]] == [WAIT, OK] and len(told) == 5
    assert told[-1] == "contract: passed: 61 cases, 1 links followed, 0 events, in 2s (seed 7)"


def test_a_fault_is_told_without_the_demands_that_it_keeps_from_being_met() -> None:
    made = report(*GOOD, (2, case(OK, 500, failed="not_a_server_error")), (9, case(WAIT, 422)))
    told = list(lines(outcome(made, Verdict("server", ("it no longer answers",)))))
    assert [line.splitlines()[0] for line in told[:-1]] == [
        f"FAILED {OK}: not_a_server_error: 500: :",
        "FAILED server: it no longer answers",
    ]
    assert "FAILED: 1 faults" in told[-1]


def test_demands_that_are_not_met_are_told_if_nothing_else_is_wrong() -> None:
    told = list(lines(outcome(report(*GOOD))))
    assert told[0] == f"FAILED links: not followed: join of {WAIT}" and len(told) == 2


def test_the_reports_have_what_was_found(tmp_path: Path) -> None:
    made = report(*GOOD, (1, case(OK, 500, failed="not_a_server_error")))
    write_reports(outcome(made), tmp_path / "new")
    suite = ElementTree.parse(tmp_path / "new" / "junit.xml").getroot()
    assert int(suite.attrib["tests"]) == len(suite) and int(suite.attrib["failures"]) == len(suite.findall("*/failure"))
    assert int(suite.attrib["skipped"]) == len(suite.findall("*/skipped")) > 0
    assert suite.find(f"testcase[@classname='{OK}']/failure") is not None
    text = (tmp_path / "new" / "contract.md").read_text()
    assert f"| `{WAIT}` | 60 | 30 | 100.0% | 200: 30, 422: 30 |" in text
    assert f"FAILED {OK}: not_a_server_error: 500" in text
