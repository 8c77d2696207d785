"""`python -m tests.reference` captures the examples of the reference anew: `codegen/examples.json`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.reference.exchanges import captured

FILE = Path(__file__).parents[2] / "codegen" / "examples.json"


def main() -> None:
    """Write the file."""
    FILE.write_text(json.dumps(captured(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
