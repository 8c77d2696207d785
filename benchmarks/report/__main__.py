"""`python -m benchmarks.report`: docs/performance.md and its charts, from the figures that were kept.

It needs the packages of benchmarks/charts.lock, and none of the server's.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.report import charts, document

ROOT = Path(__file__).parent.parent.parent


def main() -> None:
    """Write the document and the charts."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.report", description=__doc__)
    parser.add_argument("--measured", type=Path, default=ROOT / "benchmarks" / "measured", metavar="FOLDER")
    parser.add_argument("--into", type=Path, default=ROOT / "docs", metavar="FOLDER")
    given = parser.parse_args()
    measured = document.read(given.measured)
    written = given.into / "performance.md"
    written.write_text(document.text(measured), "utf-8")
    charts.draw_floor(measured["speed"], given.into / "performance.svg")
    if measured["growth"].values:
        charts.draw_growth(measured["growth"], given.into / "performance-growth.svg")
    print(f"wrote {written.relative_to(ROOT) if written.is_relative_to(ROOT) else written}")


if __name__ == "__main__":
    main()
