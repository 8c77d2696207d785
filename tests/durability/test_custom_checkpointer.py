"""A run whose process is killed begins anew, with a checkpointer of the author's own."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import httpx
import pytest

from tests.cli.processes import serve
from tests.live import DEADLINE, GRAPHS, until
from tests.web.calls import create, until_status
from tests.web.keeping import history


@pytest.mark.parametrize("form", ["opened", "Minimal", "in_file", "unforgetting"])
def test_a_run_that_begins_anew(tmp_path: Path, form: str) -> None:
    """It fails where what its first attempt has left cannot be deleted, instead of waiting for ever."""
    document = {
        "graphs": {"slow": f"{GRAPHS.with_name('graphs_under_test.py')}:slow"},
        "checkpointer": {"path": f"{GRAPHS.with_name('custom_savers.py')}:{form}"},
    }
    config = tmp_path / "langgraph.json"
    config.write_text(json.dumps(document))
    variables = {
        "LEASE_SECONDS": "1",
        "DATABASE_URI": f"sqlite:///{tmp_path}/runs.db",
        "AUTHORS_CHECKPOINTS": f"{tmp_path}/authors.db",
    }
    with serve("--port", "0", config=config, **variables) as process, httpx.Client(base_url=process.url) as http:
        run = create(http, "slow", {"seconds": 2}, on_completion="keep", durability="sync")
        until_status(http, run["run_id"], "running")
        until(lambda: history(http, run))
        process.stop(signal.SIGKILL)
    with serve("--port", "0", config=config, **variables) as process:
        answer = httpx.get(f"{process.url}/runs/{run['run_id']}/join", timeout=DEADLINE).json()
    if form == "unforgetting":
        assert answer["__error__"]["error"] == "StorageUnavailable"
    else:
        assert "__error__" not in answer
