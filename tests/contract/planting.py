"""`python -m tests.contract.planting`: plant bugs, one at a time, and see that the contract suite finds each of them.

For each bug the suite is run on a few operations, and all its requests meet the bug. The same is run without any bug,
where nothing may be found.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.contract.document import operations
from tests.contract.faults import Fault
from tests.contract.forking import in_a_fork
from tests.contract.fuzzing import prepared, run
from tests.contract.plants import PLANTS, Part, Plant
from tests.contract.report import Report
from tests.contract.server import PLANTED, Server, serving

SEED = 1
# The most seeds that are tried for a bug. What a sequence does depends on the ids that the server gives, and on time.
ATTEMPTS = 3
PATIENCE = 60.0


@dataclass(frozen=True, slots=True)
class Found:
    """What a part of the suite has found."""

    faults: Sequence[Fault]
    errors: Sequence[str]
    """What has kept Schemathesis from judging."""
    cases: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Result:
    """Whether what had to be found was found, and nothing where there is nothing; and the line that says so."""

    good: bool
    line: str


@dataclass(frozen=True, slots=True)
class Suite:
    """The suite, on one server that has every bug, and shows none but the one that a request names."""

    server: Server
    folder: Path
    operations: Sequence[str]

    def examine(self, name: str, part: Part, seed: int = SEED, bug: str | None = None) -> Found:
        """Run a part of the suite, with a bug or without one; `name` is what its files are called."""
        started = time.monotonic()
        report = Report.of(self.operations)
        options = [*part.options, "--seed", str(seed)]
        if bug is not None:
            options += ["--header", f"{PLANTED}: {bug}"]
        run(self.server, self.folder, report, name, options, PATIENCE, in_a_fork)
        cases = sum(tally.cases for tally in report.tallies.values())
        causes = [fault for fault, _ in report.faults.causes]
        return Found(causes, report.errors, cases, time.monotonic() - started)

    def look_for(self, plant: Plant) -> Found:
        """Run the part of a bug until it is found."""
        for seed in range(SEED, SEED + ATTEMPTS):
            found = self.examine(f"{plant.bug}-{seed}", plant.part, seed, plant.bug)
            if any(map(plant.explains, found.faults)):
                break
        return found

    def results(self, plants: Sequence[Plant], jobs: int) -> Iterator[Result]:
        """The results for all bugs, and without them, in their order; each as soon as it is there."""
        parts = list(dict.fromkeys(plant.part for plant in plants))
        with ThreadPoolExecutor(jobs) as threads:
            clean = [threads.submit(self.examine, f"clean-{number}", part) for number, part in enumerate(parts)]
            spoiled = [threads.submit(self.look_for, plant) for plant in plants]
            yield from (judge_clean(part, each.result()) for part, each in zip(parts, clean, strict=True))
            yield from (judge(plant, each.result()) for plant, each in zip(plants, spoiled, strict=True))


def judge(plant: Plant, found: Found) -> Result:
    """Whether the finding that belongs to a bug is there."""
    own = next((fault for fault in found.faults if plant.explains(fault)), None)
    begin = f"{plant.bug:<26} {found.seconds:4.1f}s"
    if own is not None:
        return Result(True, f"caught {begin}  {own.operation}: {own.check}: {own.reason[:100]}")
    others = "; ".join([*(f"{fault.check}: {fault.reason}" for fault in found.faults), *found.errors]) or "nothing"
    return Result(False, f"MISSED {begin}  {found.cases} cases of {plant.part} have shown {others}")


def judge_clean(part: Part, found: Found) -> Result:
    """Whether nothing is found without a bug."""
    wrong = [*(fault.told() for fault in found.faults), *found.errors, *([] if found.cases else ["no case was sent"])]
    if wrong:
        return Result(False, "\n".join(f"FAILED without a bug: {each}" for each in wrong))
    return Result(True, f"clean  {'without a bug':<26} {found.seconds:4.1f}s  {found.cases} cases of {part}")


def main() -> int:
    """Run, print a line for each bug, and return the exit code."""
    arguments = _arguments()
    plants = [plant for plant in PLANTS if re.search(arguments.only, plant.bug)]
    started = time.monotonic()
    bad = 0
    with tempfile.TemporaryDirectory(prefix="treadle-planting-") as name:
        folder = Path(name)
        with serving(folder / "server.log", module="tests.contract.planted") as server:
            suite = Suite(server, folder, list(operations(prepared(server, folder))))
            for result in suite.results(plants, arguments.jobs):
                print(result.line, flush=True)
                bad += not result.good
        for fault in server.faults:
            print(f"FAILED logged: {fault.strip()[-300:]}")
            bad += 1
    wrong = f"FAILED: {bad} of the lines above" if bad else "all were found"
    print(f"planted bugs: {len(plants)}: {wrong}, in {time.monotonic() - started:.0f}s (seed {SEED})")
    return 1 if bad else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.contract.planting", description=__doc__)
    parser.add_argument("--only", default="", metavar="PATTERN", help="the bugs whose names have this in them")
    parser.add_argument("--jobs", type=int, default=2, help="parts at once (default: %(default)s)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
