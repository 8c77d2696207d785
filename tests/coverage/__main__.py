"""`python -m tests.coverage` writes docs/coverage.md and says what no test shows; with `--check`, that fails."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.coverage.document import render
from tests.coverage.marks import ROOT, Mark, collect, problems

DOCUMENT = ROOT / "docs" / "coverage.md"


def main() -> int:
    """One line for each fault. With `--check` they are on stderr, and the exit code is 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.coverage", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare with what is on disk, write nothing")
    options = parser.parse_args()
    try:
        marks = collect()
    except ValueError as error:
        print(f"coverage: {error}", file=sys.stderr)
        return 1
    if not options.check:
        DOCUMENT.write_text(render(marks), encoding="utf-8")
    lines = faults(marks, DOCUMENT)
    for line in lines:
        print(f"coverage: {line}", file=sys.stderr if options.check else sys.stdout)
    if lines and not options.check:
        print(f"coverage: {len(lines)} left to do before make check passes")
    return 1 if lines and options.check else 0


def faults(marks: Sequence[Mark], document: Path) -> list[str]:
    """One line for each fault of the marks, and one if the document is not current."""
    current = document.exists() and document.read_text(encoding="utf-8") == render(marks)
    stale = [] if current else [f"docs/{document.name} is not current: run python -m tests.coverage"]
    return problems(marks) + stale


if __name__ == "__main__":
    sys.exit(main())
