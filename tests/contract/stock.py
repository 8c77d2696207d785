"""`python -m tests.contract.stock`: Schemathesis as it comes, without hooks or settings of ours, on a running server.

What the server refuses although its document allows it has to be in REFUSALS, and so in docs/contract-testing.md. What
it leaves unanswered has to be a wait for a run that is not due yet.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.contract.faults import Fault
from tests.contract.report import Report
from tests.contract.server import STORES, Server, serving

SEED = 1
PATIENCE = 1800.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Valid requests that the server refuses, for a reason that no schema can express."""

    title: str
    """As the table of docs/contract-testing.md has it."""
    operations: str
    status: int
    detail: str

    def covers(self, fault: Fault) -> bool:
        """Whether the fault is this refusal, and nothing else."""
        return (
            fault.check == "positive_data_acceptance"
            and fault.status == self.status
            and re.fullmatch(self.operations, fault.operation) is not None
            and re.search(self.detail, fault.detail) is not None
        )


CREATES = r"POST /runs(/wait|/stream|/batch)?"
REFUSALS = (
    Refusal("A webhook to a host that is not allowed", CREATES, 422, r"webhook: .* is not among the allowed hosts"),
    Refusal("One key with two values", rf"{CREATES}|.* /assistants.*", 400, r"have different values"),
    Refusal("Resuming a run that has no thread", CREATES, 400, r"command\.resume: "),
    Refusal("A link for feedback without feedback", r"GET /runs/.*/feedback/.*", 422, r"give at least one of them"),
    Refusal("No version, in body or query", r"POST /assistants/.*/latest", 422, r"version: name it, in the body or"),
    Refusal("States that the graph does not take", "POST /threads", 422, r"supersteps: "),
    Refusal("Integers beyond 64 bits in an item", r"\w+ /store/.*", 422, r"Integer exceeds 64-bit range"),
    Refusal(
        "The character U+0000 in an item or the description of an assistant, on PostgreSQL",
        r"\w+ /(store|assistants).*",
        422,
        r"the character U\+0000",
    ),
)

# Schemathesis gives up a request when nothing has come for so many seconds.
GIVES_UP = 10.0
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run of Schemathesis has shown."""

    report: Report
    findings: list[Fault]
    refused: Counter[str]
    """Distinct faults that are one of REFUSALS, by title."""
    waits: int
    """Requests that Schemathesis gave up while they waited for a run that was due later."""
    warnings: list[str]


def judged(report: Report) -> tuple[list[Fault], Counter[str]]:
    """The faults that are no known refusal, and how many are one, by title."""
    findings, refused = [], Counter[str]()
    for fault in report.faults:
        known = next((refusal.title for refusal in REFUSALS if refusal.covers(fault)), None)
        if known is None:
            findings.append(fault)
        else:
            refused[known] += 1
    return findings, refused


def given_up(records: Iterable[Json]) -> Iterator[tuple[str, bool]]:
    """Each operation that did not answer, and whether it waits for a run that is due later."""
    for record in records:
        scenario = record.get("ScenarioFinished", {})
        if scenario.get("status") != "error":
            continue
        cases = {case_id: node["value"] for case_id, node in scenario["recorder"].get("cases", {}).items()}
        for case_id, case in cases.items():
            if case_id not in scenario["recorder"].get("interactions", {}):
                # What joins a run does not say when it is due: another request of the sequence did.
                created = [case] if "body" in case else cases.values()
                yield f"{case['method']} {case['path']}", any(_is_late(one.get("body")) for one in created)


def _is_late(body: Any) -> bool:
    due = [run.get("after_seconds") for run in (body if isinstance(body, list) else [body]) if isinstance(run, dict)]
    return any(isinstance(seconds, int | float) and seconds > GIVES_UP for seconds in due)


def excuse(report: Report, unanswered: Iterable[tuple[str, bool]]) -> int:
    """Let the errors of the report be those that are no known waits; returns how many waits are known."""
    known = [label for label, late in unanswered if late]
    report.errors += [f"no answer: {label}" for label, late in unanswered if not late]
    report.errors[:] = [
        error
        for error in report.errors
        if "Read timed out" not in error or not any(f'"label": "{label}"' in error for label in known)
    ]
    return len(known)


def run(server: Server, folder: Path, seed: int, options: Sequence[str] = ()) -> Outcome:
    """Run `st run …/openapi.json`, of whose options only those that do not change what it sends or judges are given."""
    events = folder / "stock.ndjson"
    command = [sys.executable, "-m", "schemathesis.cli", "run", f"{server.url}/openapi.json", "--seed", str(seed)]
    command += ["--report-ndjson-path", str(events), "--output-sanitize", "false", *options]
    environment = os.environ | {"NO_COLOR": "1", "PYTHONUNBUFFERED": "1"}
    report, code, waits = Report.of([]), 0, 0
    try:
        with (folder / "stock.txt").open("wb") as said:
            code = subprocess.run(
                command, cwd=folder, env=environment, stdout=said, stderr=said, check=False, timeout=PATIENCE
            ).returncode
        report.read(events)
        with events.open(encoding="utf-8") as written:
            waits = excuse(report, [*given_up(map(json.loads, written))])
    except subprocess.TimeoutExpired:
        report.errors.append(f"Schemathesis did not end within {PATIENCE:.0f} seconds")
    except OSError:
        report.errors.append(f"Schemathesis wrote no events; it ended with {code}")
    findings, refused = judged(report)
    if code and not (findings or refused or waits or report.errors):
        report.errors.append(f"Schemathesis ended with {code}, and no check has failed")
    return Outcome(report, findings, refused, waits, [*server.faults])


def lines(outcome: Outcome) -> Iterator[str]:
    """What to print of an outcome: nothing but what is wrong, and a line that sums it up."""
    yield from (f"FAILED {fault.told()}" for fault in outcome.findings)
    yield from (f"FAILED Schemathesis: {error}" for error in outcome.report.errors)
    yield from (f"FAILED logged: {fault}" for fault in outcome.warnings)
    yield from (f"  refused {count} x {title}" for title, count in sorted(outcome.refused.items()))
    if outcome.waits:
        yield f"  given up {outcome.waits} x a wait for a run that is due later"


def main() -> int:
    """Run, print, and return the exit code."""
    arguments = _arguments()
    started = time.monotonic()
    options = [] if arguments.max_examples is None else ["--max-examples", str(arguments.max_examples)]
    with TemporaryDirectory(prefix="treadle-stock-") as name:
        folder = arguments.keep or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        with serving(folder / "server.log", store=arguments.store, steered=False, TREADLE_API_KEYS="") as server:
            outcome = run(server, folder, arguments.seed, options)
    print("\n".join(lines(outcome)))
    cases = sum(tally.cases for tally in outcome.report.tallies.values())
    wrong = len(outcome.findings) + len(outcome.report.errors) + len(outcome.warnings)
    elapsed = time.monotonic() - started
    print(
        f"stock Schemathesis: {cases} cases, {wrong} findings, {sum(outcome.refused.values())} refusals "
        f"that no schema can express, in {elapsed:.0f}s ({arguments.store}, seed {arguments.seed})"
    )
    return 1 if wrong else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.contract.stock", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="where the fuzzer starts (default: %(default)s)")
    parser.add_argument("--store", choices=STORES, default="memory")
    parser.add_argument("--max-examples", type=int, metavar="N", help="cases per operation (default: Schemathesis')")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the log, the output and the events are left")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
