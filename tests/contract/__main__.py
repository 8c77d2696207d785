"""`python -m tests.contract`: fuzz a running server against the contract it serves, and judge what that has shown."""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from tests.contract import document, gate
from tests.contract.fuzzing import prepared, run
from tests.contract.outcome import Outcome, lines, write_reports
from tests.contract.report import Report
from tests.contract.sequences import missing, plans
from tests.contract.server import STORE, STORES, Server, serving

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
    os.environ[STORE] = arguments.store  # for the checks, which Schemathesis loads
    with serving(folder / "server.log", store=arguments.store, **planted) as server:
        report, verdicts = fuzz(server, folder, budget)
        alive = server.alive
    logged = [f"logged: {fault.strip()[-300:]}" for fault in server.faults[:5]]
    verdicts.append(gate.Verdict("server", (*([] if alive else ["it no longer answers"]), *logged)))
    outcome = Outcome(report, verdicts, budget.seed, time.monotonic() - started)
    print("\n".join(lines(outcome)))
    if arguments.report:
        write_reports(outcome, arguments.report)
    if outcome.failed or arguments.keep:
        print(f"server.log, openapi.json, what Schemathesis said (*.txt) and all cases (*.ndjson) are in {folder}")
    else:
        shutil.rmtree(folder)
    return 1 if outcome.failed else 0


def fuzz(server: Server, folder: Path, budget: Budget) -> tuple[Report, list[gate.Verdict]]:
    """Fuzz every operation that the server says it serves."""
    tested = prepared(server, folder)
    demands = gate.Demands(
        document.creates(tested),
        document.declared_links(tested),
        document.stream_modes(tested),
        document.statuses(tested),
    )
    report = Report.of(document.operations(tested))
    single = ["--phases", "examples,coverage,fuzzing", *budget.options(0.7)]
    codes = [run(server, folder, report, "all", single, budget.limit)]
    planned = plans(tested)
    for attempt in range(1, ROUNDS + 1):
        for number, plan in enumerate(planned, 1):
            options = [*plan.options, *budget.options(0.3 / len(planned), 100 * attempt + number, plan.examples)]
            codes.append(run(server, folder, report, f"sequences-{attempt}-{number}", options, budget.limit))
        planned = missing(tested, gate.unmet(report, demands))
        # Of a server with faults it is not told what else was not seen.
        if not planned or len(report.faults):
            break
    unexplained = [code for code in codes if code and not report.errors and not _failures(report)]
    problems = [*report.errors, *(f"ended with {code}, and no check has failed" for code in unexplained)]
    return report, [*gate.verdicts(report, demands), gate.Verdict("schemathesis", tuple(problems))]


def _failures(report: Report) -> bool:
    return any(tally.failed_checks for tally in report.tallies.values())


def _seed(text: str) -> int:
    return secrets.randbelow(10**9) if text == "fresh" else int(text)


def _arguments() -> argparse.Namespace:
    default_time = os.environ.get("CONTRACT_MAX_TIME")
    parser = argparse.ArgumentParser(prog="python -m tests.contract", description=__doc__)
    parser.add_argument(
        "--seed", type=_seed, default=SEED, help="where the fuzzer starts, or `fresh` (default: %(default)s)"
    )
    parser.add_argument(
        "--max-time",
        type=int,
        default=int(default_time) if default_time else None,
        metavar="SECONDS",
        help="fuzz this long, and not a fixed number of cases (CONTRACT_MAX_TIME)",
    )
    parser.add_argument("--max-examples", type=int, metavar="N", help="cases per operation, sequences of operations")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where the log, document and events are left")
    parser.add_argument("--report", type=Path, metavar="FOLDER", help="where to write contract.md and junit.xml")
    parser.add_argument("--store", choices=STORES, default="memory", help="where its runs are (default: %(default)s)")
    parser.add_argument("--plant", metavar="BUGS", help="fuzz a server with these bugs of planted.py in it: a,b")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
