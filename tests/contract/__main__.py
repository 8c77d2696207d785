"""`python -m tests.contract`: fuzz a running server against the contract it serves, and judge what that has shown."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.contract import document, gate
from tests.contract.adaptations import adaptations, under_test
from tests.contract.feedback_tokens import make_tokens
from tests.contract.inputs import graph_inputs
from tests.contract.report import Report
from tests.contract.sequences import missing, plans
from tests.contract.server import API_KEY, ROOT, Server, serving

SETTINGS = Path(__file__).parent / "schemathesis.toml"
SEED = 20240607
PATIENCE = 600.0
# The most rounds of sequences, each for the demands still unmet. One is enough, unless this machine is too busy.
ROUNDS = 3


@dataclass(frozen=True, slots=True)
class Budget:
    """How long to fuzz, and from which seed; no `max_time` means the number of cases in schemathesis.toml."""

    seed: int = SEED
    max_time: int | None = None
    max_examples: int | None = None

    @property
    def limit(self) -> float:
        """Seconds after which a run of Schemathesis is given up."""
        return PATIENCE + (self.max_time or 0)

    def options(self, part: float, attempt: int = 0, examples: int | None = None) -> list[str]:
        """Schemathesis' options for a part of the budget; `examples` counts if the budget sets no number."""
        options = ["--seed", str(self.seed + attempt)]
        if self.max_time is not None:
            options += ["--max-time", str(max(1, round(self.max_time * part)))]
        if (count := self.max_examples or examples) is not None:
            options += ["--max-examples", str(count)]
        return options


def main() -> int:
    """Run, print the figures, and return the exit code."""
    arguments = _arguments()
    budget = Budget(arguments.seed, arguments.max_time, arguments.max_examples)
    folder = arguments.keep or Path(tempfile.mkdtemp(prefix="treadle-contract-"))
    folder.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    planted = {"module": "tests.contract.planted", "PLANTED": arguments.plant} if arguments.plant else {}
    with serving(folder / "server.log", **planted) as server:
        print(f"server: {server.url}, seed: {budget.seed}, files: {folder}", flush=True)
        report, verdicts = fuzz(server, folder, budget)
        alive = server.alive
    faults = [f"logged: {fault.strip()[-300:]}" for fault in server.faults[:5]]
    verdicts.append(gate.Verdict("server", (*([] if alive else ["it no longer answers"]), *faults)))
    conclude(report, verdicts)
    failed = sum(not verdict.passed for verdict in verdicts)
    if failed or arguments.keep:
        print(f"server.log, openapi.json and all cases (*.ndjson) are in {folder}")
    else:
        shutil.rmtree(folder)
    elapsed = time.monotonic() - started
    print(f"{len(verdicts) - failed} passed, {failed} failed in {elapsed:.1f}s (seed {budget.seed})")
    return 1 if failed else 0


def fuzz(server: Server, folder: Path, budget: Budget) -> tuple[Report, list[gate.Verdict]]:
    """Fuzz every operation that the server says it serves."""
    served = server.get("/openapi.json")
    inputs = graph_inputs()
    tokens = make_tokens(server.url, *next((graph, values[0]) for graph, values in inputs.items()))
    tested, adapted = under_test(served, adaptations(inputs, tokens))
    for adaptation in adapted:
        print(f"{'gap in the document' if adaptation.gap else 'adapted'}: {adaptation.name}: {adaptation.reason}")
    demands = gate.Demands(
        document.creates(tested),
        document.declared_links(tested),
        document.stream_modes(tested),
        document.statuses(tested),
    )
    report = Report.of(document.operations(tested))
    (folder / "openapi.json").write_text(json.dumps(tested, indent=1))
    single = ["--phases", "examples,coverage,fuzzing", *budget.options(0.7)]
    codes = [schemathesis(server, folder, report, "all", single, budget.limit)]
    planned = plans(tested)
    for attempt in range(1, ROUNDS + 1):
        for number, plan in enumerate(planned, 1):
            options = [*plan.options, *budget.options(0.3 / len(planned), 100 * attempt + number, plan.examples)]
            codes.append(schemathesis(server, folder, report, f"sequences-{attempt}-{number}", options, budget.limit))
        left = gate.unmet(report, demands)
        print(f"round {attempt} of sequences: {left} is left to show")
        planned = missing(tested, left)
        if not planned:
            break
    unexplained = [code for code in codes if code and not report.errors and not _failures(report)]
    problems = [*report.errors, *(f"ended with {code}, and no check has failed" for code in unexplained)]
    return report, [*gate.verdicts(report, demands), gate.Verdict("schemathesis", tuple(problems))]


def schemathesis(server: Server, folder: Path, report: Report, name: str, options: list[str], limit: float) -> int:
    """Run Schemathesis on the document in `folder`, add its events to the report, and return its exit code."""
    events = folder / f"{name}.ndjson"
    command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(SETTINGS), "run", "openapi.json"]
    command += [option for name, value in API_KEY.items() for option in ("--header", f"{name}: {value}")]
    command += ["--url", server.url, "--report", "ndjson", "--report-ndjson-path", str(events), *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    try:
        code = subprocess.run(command, cwd=folder, env=environment, check=False, timeout=limit).returncode
    except subprocess.TimeoutExpired:
        report.errors.append(f"Schemathesis did not end within {limit:.0f} seconds")
        code = 0
    if events.exists():
        report.read(events)
    else:
        report.errors.append(f"Schemathesis wrote no events; it ended with {code}")
    return code


def conclude(report: Report, verdicts: list[gate.Verdict]) -> None:
    """Print the figures and the verdicts."""
    print("\n" + "\n".join(gate.table(report)) + "\n")
    print("cases by phase: ", _counts(report.phases))
    print("links followed: ", _counts({f"{label} {name}": count for (label, name), count in report.links.items()}))
    print("events streamed:", _counts(report.events))
    print("threads met:    ", _counts(report.facts), "\n")
    for verdict in verdicts:
        print("PASSED" if verdict.passed else "FAILED", verdict.name)
        for reason in verdict.reasons:
            print("      ", reason)


def _failures(report: Report) -> bool:
    return any(tally.failed_checks for tally in report.tallies.values())


def _counts(counted: dict[str, int]) -> str:
    return ", ".join(f"{name}: {count}" for name, count in sorted(counted.items()))


def _arguments() -> argparse.Namespace:
    default_time = os.environ.get("CONTRACT_MAX_TIME")
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument("--seed", type=int, default=SEED, help="where the fuzzer starts (default: %(default)s)")
    parser.add_argument(
        "--max-time",
        type=int,
        default=int(default_time) if default_time else None,
        metavar="SECONDS",
        help="fuzz this long, and not a fixed number of cases (CONTRACT_MAX_TIME)",
    )
    parser.add_argument("--max-examples", type=int, metavar="N", help="cases per operation, sequences of operations")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the log, document and events are left")
    parser.add_argument("--plant", metavar="BUGS", help="fuzz a server with these bugs of planted.py in it: a,b")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
