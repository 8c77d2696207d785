"""The consumer example where only the wheel is installed, against a server of this environment.

`python tests/wheel/try_consumer.py PYTHON`, with the Python of the environment that has the wheel.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from treadle_client.testing import served

EXAMPLES = Path(__file__).parent.parent.parent / "examples"
MAILS = sorted((EXAMPLES / "emails").glob("*.eml"))


def output(python: str, *arguments: str | Path, **environment: str) -> str:
    """What the program prints. It sees nothing of this environment."""
    command = [python, "-I", *arguments]
    return subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Run it, and check that both clients have decided on each mail."""
    python = sys.argv[1]
    place = output(python, "-c", "import treadle_client; print(treadle_client.__file__)")
    assert "site-packages" in place, f"this is not the client of the wheel: {place}"
    with served(EXAMPLES / "langgraph.json") as url:
        printed = output(python, EXAMPLES / "consumer" / "triage.py", EXAMPLES / "emails", TREADLE_URL=url).splitlines()
    decisions = [
        line for line in printed if line.startswith(tuple(mail.name for mail in MAILS)) and ", run " not in line
    ]
    assert len(decisions) == 2 * len(MAILS) > 0, printed
    assert decisions[: len(MAILS)] == decisions[len(MAILS) :], "threads and coroutines decide differently"
    assert any(line.startswith("  because ") for line in printed), printed
    assert any(", run " in line for line in printed), printed
    print(f"the consumer example works with the wheel: {len(MAILS)} mails, with threads and with coroutines")


if __name__ == "__main__":
    main()
