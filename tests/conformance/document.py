"""`python -m tests.conformance.document`: write the result of an examination of Treadle into docs/conformance.md."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path

from tests.live import serving
from treadle.conformance.command import Request, conform
from treadle.conformance.contract import Contract
from treadle.conformance.graphs import write_graphs

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "conformance.md"
PLACE = re.compile(r"openapi\.json:[0-9]+  (#\S+)")
MADE = "<!-- made by `make conformance` from here on -->\n\n"


def with_lines(text: str) -> str:
    """The text, with the lines that places of the contract have now."""
    contract = Contract.load()
    return PLACE.sub(lambda place: f"openapi.json:{contract.line(place[1])}  {place[1]}", text)


def main() -> None:
    """Serve the probe graphs, examine the server, and replace the made part of the document."""
    with tempfile.TemporaryDirectory() as folder, serving(write_graphs(Path(folder))) as live:
        table = Path(folder, "table.md")
        conform(Request(live.url), {"markdown": str(table)})
        written = with_lines(DOCUMENT.read_text("utf-8").partition(MADE)[0])
        DOCUMENT.write_text(written + MADE + table.read_text("utf-8"), "utf-8")


if __name__ == "__main__":
    main()
