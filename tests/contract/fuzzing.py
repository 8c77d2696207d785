"""Runs Schemathesis, with our settings and checks, on a server and the document by which it is judged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.contract.adaptations import adaptations, under_test
from tests.contract.document import Json
from tests.contract.feedback_tokens import make_tokens
from tests.contract.inputs import graph_inputs
from tests.contract.report import Report
from tests.contract.server import API_KEY, ROOT, Server

SETTINGS = Path(__file__).parent / "schemathesis.toml"

CarryOut = Callable[[list[str], Path, float], int]
"""Runs Schemathesis with some arguments in the folder of the file that gets what it says, for so many seconds at most.

Returns its exit code. Raises TimeoutError.
"""


def in_a_process(arguments: list[str], said: Path, limit: float) -> int:
    """Run it as its users do."""
    command = [sys.executable, "-m", "schemathesis.cli", *arguments]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"}
    try:
        with said.open("wb") as output:
            return subprocess.run(
                command, cwd=said.parent, env=environment, stdout=output, stderr=output, check=False, timeout=limit
            ).returncode
    except subprocess.TimeoutExpired:
        raise TimeoutError from None


def prepared(server: Server, folder: Path) -> Json:
    """The document under test, which `folder` has as `openapi.json`, and the reasons for what was adapted."""
    inputs = graph_inputs()
    tokens = make_tokens(server.url, *next((graph, values[0]) for graph, values in inputs.items()))
    tested, adapted = under_test(server.get("/openapi.json"), adaptations(inputs, tokens))
    (folder / "adapted.txt").write_text("".join(f"{each.name}: {each.reason}\n" for each in adapted))
    (folder / "openapi.json").write_text(json.dumps(tested, indent=1))
    return tested


def run(
    server: Server,
    folder: Path,
    report: Report,
    name: str,
    options: list[str],
    limit: float,
    carry_out: CarryOut = in_a_process,
) -> int:
    """Run Schemathesis on the document in `folder`, add its events to the report, and return its exit code."""
    events = folder / f"{name}.ndjson"
    arguments = ["--config-file", str(SETTINGS), "run", "openapi.json"]
    arguments += [option for name, value in API_KEY.items() for option in ("--header", f"{name}: {value}")]
    arguments += ["--url", server.url, "--report", "ndjson", "--report-ndjson-path", str(events), *options]
    try:
        code = carry_out(arguments, folder / f"{name}.txt", limit)
    except TimeoutError:
        report.errors.append(f"Schemathesis did not end within {limit:.0f} seconds")
        code = 0
    if events.exists():
        report.read(events)
    else:
        report.errors.append(f"Schemathesis wrote no events; it ended with {code}")
    return code
