"""The Python snippets of documents, as modules: what a reader would have after typing them all in one file."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
DOCUMENTS = (ROOT / "README.md", ROOT / "docs" / "client.md")
SNIPPET = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def module(document: Path) -> str:
    """The snippets of a document, from top to bottom. Each line has the number that it has in the document."""
    text = document.read_text("utf-8")
    lines: list[str] = []
    for found in SNIPPET.finditer(text):
        lines += [""] * (text.count("\n", 0, found.start(1)) - len(lines))
        lines += found[1].splitlines()
    return "\n".join(lines) + "\n"
