"""What services write with the client, under a strict type checker: `python -m tests.typing mypy`, or `pyright`.

That is: the snippets of README and docs/client.md, the programs of examples/, and `accepted.py` and `refused.py`. The
targets are the oldest and the newest Python.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.snippets import DOCUMENTS, ROOT, module

HERE = Path(__file__).parent
PROGRAMS = (
    ROOT / "examples" / "demo.py",
    ROOT / "examples" / "consumer" / "triage.py",
    HERE / "accepted.py",
    HERE / "refused.py",
)
TARGETS = ("3.11", "3.14")
PYRIGHT = HERE / "node_modules" / ".bin" / "pyright"
SETTINGS = {
    "typeCheckingMode": "strict",
    "reportUnnecessaryTypeIgnoreComment": "error",  # as mypy does: refused.py must be refused
    "venvPath": str(ROOT),
    "venv": ".venv",
    "extraPaths": [str(ROOT / folder) for folder in ("generated", "examples")],
}


def main() -> int:
    """The exit code: 0 if the checker has nothing to say."""
    checker = sys.argv[1]
    with TemporaryDirectory() as folder:
        modules = [Path(folder) / f"{document.stem}.py" for document in DOCUMENTS]
        for document, path in zip(DOCUMENTS, modules, strict=True):
            path.write_text(module(document), encoding="utf-8")
        settings = Path(folder) / "pyrightconfig.json"
        files = [os.path.relpath(path, folder) for path in (*modules, *PROGRAMS)]  # pyright takes no absolute ones
        settings.write_text(json.dumps({**SETTINGS, "include": files}), encoding="utf-8")
        commands = {
            "mypy": lambda target: [sys.executable, "-m", "mypy", "--python-version", target, *modules, *PROGRAMS],
            "pyright": lambda target: [PYRIGHT, "--project", settings, "--pythonversion", target],
        }
        failed = [
            target for target in TARGETS if subprocess.run(commands[checker](target), cwd=ROOT, check=False).returncode
        ]
    print(f"{checker}: {f'failed for Python {failed}' if failed else f'passed for Python {TARGETS}'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
