"""Runs where only the wheel is installed: its client works, and the server's command names the missing extra."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import sysconfig
from pathlib import Path

from treadle_client import Client
from treadle_client.api.stateless_runs import create_run, get_run, join_run, wait_run
from treadle_client.bodies import CreateRunBody
from treadle_client.streams import join_run_stream, stream_run

for module in ("starlette", "langgraph", "pydantic", "uvicorn"):
    assert importlib.util.find_spec(module) is None, f"the client alone brings {module}"

body = CreateRunBody.from_dict({"assistant_id": "agent", "input": {"n": 2**70}, "unknown": [1]})
assert body.to_dict() == {"assistant_id": "agent", "input": {"n": 2**70}, "unknown": [1]}, body.to_dict()
assert Client(base_url="http://127.0.0.1:1").get_httpx_client().base_url.host == "127.0.0.1"
assert all(callable(module.sync) for module in (create_run, get_run, join_run, wait_run))
assert all(callable(operation.sync) for operation in (stream_run, join_run_stream))

command = Path(sysconfig.get_path("scripts")) / "treadle"
tried = subprocess.run([command, "serve"], capture_output=True, text=True, check=False)
assert tried.returncode == 2, tried
assert 'its extra "server"' in tried.stderr, tried
assert tried.stderr.count("\n") == 1, tried
print(f"the wheel's client works on Python {sys.version.split()[0]}, and `treadle` says what it lacks")
