"""`python -m tests.document`: tools of others read what a server publishes, without errors.

Spectral and Redocly lint it, with keys and without. openapi-typescript and openapi-ts generate from it, and TypeScript
compiles the result.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.contract.server import API_KEY, serving

HERE = Path(__file__).parent
TOOLS = HERE / "node_modules" / ".bin"
GENERATED = HERE / "generated"
# They would otherwise report to their makers, and look for newer versions.
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true", "NO_COLOR": "1", "CI": "true"}
KEYS = {"with keys": f"ci={API_KEY['x-api-key']}", "without keys": ""}


def main() -> int:
    """The exit code: 0 if no tool has an error to report."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        documents = [_published(folder / f"{title}.json", keys) for title, keys in KEYS.items()]
        for document in documents:
            OpenAPIV31SpecValidator(json.loads(document.read_text())).validate()
        files = [str(document) for document in documents]
        commands = [
            ["spectral", "lint", "--quiet", "--fail-severity", "error", "-r", "spectral.yaml", *files],
            ["redocly", "lint", "--format", "stylish", *files],
            ["openapi-typescript", files[0], "-o", str(GENERATED / "types" / "schema.ts")],
            ["openapi-ts", "-i", files[0], "-o", str(GENERATED / "client")],
            ["tsc", "-p", "tsconfig.json"],
        ]
        failed = [command[0] for command in commands if not _passes(command)]
    shutil.rmtree(GENERATED, ignore_errors=True)
    tools = ", ".join(failed or [command[0] for command in commands])
    print(f"the published document: {'errors of' if failed else 'no errors of'} {tools}")
    return 1 if failed else 0


def _published(path: Path, keys: str) -> Path:
    """The file with the document of a server."""
    with serving(path.with_suffix(".log"), TREADLE_API_KEYS=keys) as server:
        path.write_text(json.dumps(server.get("/openapi.json"), indent=1), encoding="utf-8")
    return path


def _passes(command: list[str]) -> bool:
    """Whether a tool ends well; what it says is printed only if it does not."""
    tool, *options = command
    done = subprocess.run(
        [TOOLS / tool, *options], cwd=HERE, env=os.environ | QUIET, capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(done.stdout[-4000:], done.stderr[-2000:], file=sys.stderr)
    return done.returncode == 0


if __name__ == "__main__":
    sys.exit(main())
